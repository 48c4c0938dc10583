"""Which operators of ONNX a release of TensorRT takes.

From `docs/operators.md` of onnx/onnx-tensorrt at 8.5, 8.6, 10.0 and 10.1. The page was not there for later releases;
those are taken to have lost nothing, and what only they have is not listed.
"""

from edgebert.export.platforms import Release, Version

_SINCE: dict[Version, str] = {
    (8, 5): """
        Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast Ceil Celu Clip
        Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout
        Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gemm GlobalAveragePool
        GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample HardSigmoid Identity If InstanceNormalization IsNaN
        LRN LSTM LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul Max MaxPool Mean
        MeanVarianceNormalization Min Mul Neg NonMaxSuppression NonZero Not Or PRelu Pad Pow QuantizeLinear RNN
        RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
        ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
        ReverseSequence RoiAlign Round Scan Scatter ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh
        Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK
        Transpose Trilu Unsqueeze Upsample Where Xor
    """,
    (8, 6): "GroupNormalization HardSwish IsInf LayerNormalization Mod OneHot",
    (10, 0): "CastLike Gelu Hardmax Mish",
}
FIRST = {name: version for version, names in _SINCE.items() for name in names.split()}

# what ONNX Runtime's quantizers leave behind; no release of TensorRT has them, in any domain
INTEGER = frozenset(
    """
    ConvInteger DynamicQuantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul MatMulInteger MatMulInteger16
    MatMulIntegerToFloat MatMulNBits QAttention QEmbedLayerNormalization QGemm QLinearAdd QLinearAveragePool
    QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMatMul QLinearMul QLinearReduceMean
    QLinearSigmoid QLinearSoftmax QLinearWhere QMoE QOrderedAttention QOrderedGelu QOrderedLayerNormalization
    QOrderedMatMul
    """.split()
)


def takes(release: Release, operator: str) -> bool:
    """Return whether a release has an operator of ONNX's own domain."""
    return operator in FIRST and FIRST[operator] <= release.version
