"""Where Q/DQ pairs stand: all inputs of products and residual branches, nothing else.

The seven rules of "Q/DQ Layer-Placement Recommendations" in NVIDIA's developer guide, as far as a BERT meets them.
"""

from collections.abc import Iterator

from edgebert.export.lint.findings import Hit, hit, rule
from edgebert.export.lint.patterns import (
    attentions,
    dequantizer,
    dequantizes,
    linear_behind,
    linears,
    quantizes,
    readers,
    residuals,
)
from edgebert.export.lint.view import View, input_of, is_onnx, name_of
from edgebert.export.platforms import Platform

_FLOAT_OPERATORS = (
    *("Softmax", "LayerNormalization", "Gelu", "Erf", "Tanh", "Pow", "Sqrt", "Exp"),
    *("ReduceMean", "ReduceSum", "Sigmoid", "Reciprocal", "Where"),
)


@rule("half-quantized", "warning", "quantize both the activation and the weight of this layer, or neither")
def half_quantized(view: View, platform: Platform) -> Iterator[Hit]:
    """Of a linear layer both inputs are quantized or none.

    With one of the two in float the product runs in float, and the other pair only costs time and accuracy.
    """
    for linear in linears(view):
        activation = dequantizer(view, linear.activation) is not None
        weight = linear.weight.dequantize is not None
        if activation != weight:
            lacking = "weight" if activation else "activation"
            yield hit(linear.node, f"its {lacking} is in float")


@rule("output-quantized", "warning", "remove the pair after this layer: the next product quantizes its own input")
def output_quantized(view: View, platform: Platform) -> Iterator[Hit]:
    """The output of a linear layer is quantized only where a product or a residual branch reads it.

    Anything else computes in float and would get rounded numbers for nothing.
    """
    for node in quantizes(view):
        if linear_behind(view, input_of(node, 0)) is None:
            continue
        back = [use.node for output in node.output for use in readers(view, output)]
        reads = [use.node for each in back for output in each.output for use in readers(view, output)]
        if reads and not any(is_onnx(each, "MatMul", "Gemm") for each in reads):
            yield hit(node, f"{name_of(reads[0])} ({reads[0].op_type}) reads what it quantizes")


@rule("float-operator-quantized", "warning", "remove the pair before this operator")
def float_operator_quantized(view: View, platform: Platform) -> Iterator[Hit]:
    """Softmax, GELU and LayerNorm read float tensors.

    TensorRT has no INT8 kernels for them: the pair rounds their input and saves nothing.
    """
    for node in view.nodes:
        if is_onnx(node, *_FLOAT_OPERATORS):
            for name in node.input:
                made = view.producer(name)
                if made is not None and is_onnx(made, "DequantizeLinear"):
                    yield hit(node, f"{node.op_type} reads what {name_of(made)} dequantizes")


@rule("residual-float", "warning", "put a pair of its own on the branch that goes around the linear layer")
def residual_float(view: View, platform: Platform) -> Iterator[Hit]:
    """The residual branch of an INT8 linear layer is quantized.

    With the branch in float the addition, and what is fused with it, runs in float and the layer writes float.
    """
    for residual in residuals(view):
        quantized = residual.linear.weight.dequantize is not None
        if quantized and dequantizer(view, residual.branch) is None:
            yield hit(residual.node, f"its branch {residual.branch!r} is in float")


@rule("residual-shared", "warning", "give the residual branch a pair of its own, before the smoothing")
def residual_shared(view: View, platform: Platform) -> Iterator[Hit]:
    """The pair of a residual branch does not feed a linear layer as well.

    The layer's input may be smoothed, the branch must not be; and ONNX Runtime on a CPU leaves a layer in float whose
    pair has a second reader.
    """
    for residual in residuals(view):
        back = dequantizer(view, residual.branch)
        if back is None:
            continue
        siblings = [use.node for use in view.uses(input_of(back, 0)) if is_onnx(use.node, "DequantizeLinear")]
        reads = [use.node for each in siblings for output in each.output for use in readers(view, output)]
        product = next((each for each in reads if is_onnx(each, "MatMul", "Gemm")), None)
        if product is not None:
            yield hit(residual.node, f"its branch shares {name_of(back)} with {name_of(product)}")


@rule("vector-product-quantized", "warning", "keep the pooler and the classifier in float")
def vector_product_quantized(view: View, platform: Platform) -> Iterator[Hit]:
    """Products with one row a text, as in the pooler and the classifier, are not quantized.

    They are bound by memory and launch time: INT8 gains nothing there, and their error is the output's.
    """
    for linear in linears(view):
        shape = view.shape(linear.activation)
        if linear.weight.dequantize is None or shape is None or _flattened(view, linear.activation):
            continue
        if len(shape) == 2 or (len(shape) > 2 and shape[-2] == 1):
            yield hit(linear.node, f"its input {linear.activation!r} has one row a text")


@rule("mask-quantized", "warning", "add the mask to the scores in float")
def mask_quantized(view: View, platform: Platform) -> Iterator[Hit]:
    """The attention mask and the scores are added in float.

    TensorRT fuses attention only with a float mask, and a mask of -10000 takes the whole range of INT8.
    """
    for attention in attentions(view):
        for node in attention.between:
            if is_onnx(node, "QuantizeLinear", "DequantizeLinear"):
                yield hit(node, f"it rounds the scores before {name_of(attention.softmax)}")
            elif is_onnx(node, "Add") and any(dequantizer(view, name) is not None for name in node.input):
                yield hit(node, "it adds a mask in INT8 to the scores")


@rule("constant-folded-pair", "warning", "remove the pair: the constant can hold the rounded numbers")
def constant_pair(view: View, platform: Platform) -> Iterator[Hit]:
    """A pair on a constant belongs to a product or a lookup.

    Elsewhere it rounds a constant at run time for nothing.
    """
    for node in dequantizes(view):
        made = view.producer(input_of(node, 0))
        source = input_of(made, 0) if made is not None and is_onnx(made, "QuantizeLinear") else input_of(node, 0)
        if not view.is_constant(source):
            continue
        reads = [use.node for output in node.output for use in readers(view, output)]
        if reads and not any(is_onnx(each, "MatMul", "Gemm", "Gather", "Add", "Conv") for each in reads):
            yield hit(node, f"{name_of(reads[0])} ({reads[0].op_type}) reads the rounded constant {source!r}")


def _flattened(view: View, tensor: str) -> bool:
    """Return whether the rows of a matrix are the tokens of all texts."""
    back = view.producer(tensor)
    if back is not None and is_onnx(back, "DequantizeLinear"):
        quantizer = view.producer(input_of(back, 0))
        back = None if quantizer is None else view.producer(input_of(quantizer, 0))
    return back is not None and is_onnx(back, "Reshape", "Flatten")
