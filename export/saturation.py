"""Prove that no product of a graph can saturate on a CPU without VNNI.

There ONNX Runtime multiplies u8 activations by s8 weights with vpmaddubsw, which adds the products of two neighbouring
input channels in a signed 16-bit number and clips it at 32767. Clipping is silent and gives wrong answers.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edgebert.errors import EngineError

_U8_MAX = 255
_S16_MAX = 32767
_OPERANDS = {"MatMulInteger": 1, "QAttention": 1, "DequantizeLinear": 0}  # which input of a node is the weight


def largest_pair_sum(weight: npt.NDArray[np.int8]) -> int:
    """Return the largest absolute sum that vpmaddubsw can meet on a weight [in, out], over all u8 activations.

    Both products of a pair count only where their signs agree, since an activation may be zero.
    """
    padded = np.pad(weight.astype(np.int32), ((0, weight.shape[0] % 2), (0, 0)))
    pairs = padded.reshape(-1, 2, weight.shape[1])  # [in / 2, 2, out]
    positive = np.maximum(pairs, 0).sum(axis=1)
    negative = np.minimum(pairs, 0).sum(axis=1)
    return int(_U8_MAX * max(positive.max(initial=0), -negative.min(initial=0)))


def check_saturation(model: onnx.ModelProto) -> None:
    """Check every INT8 weight that an integer product of the graph reads, or that ONNX Runtime will make one read.

    Raises:
        EngineError: a weight could saturate; the message names it.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        at = _OPERANDS.get(node.op_type)
        if at is None or node.input[at] not in tensors:
            continue
        weight = numpy_helper.to_array(tensors[node.input[at]])
        largest = largest_pair_sum(weight)
        if largest > _S16_MAX:
            raise EngineError(
                f"the weight {node.input[at]!r} of {node.name!r} can reach {largest} in 16 bits on a CPU without VNNI, "
                f"more than {_S16_MAX}: store it in 7 bits"
            )
