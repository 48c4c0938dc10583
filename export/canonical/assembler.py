"""Collect the nodes and constants of a graph in the types of a dialect."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgebert.errors import CheckpointError
from edgebert.export.canonical.dialects import Dialect

INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # int32 [batch, tokens] each


class Assembler:
    """A graph in the making. The caller gives all names, so that they mean something to who reads the graph."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:  # noqa: ANN401
        """Add a node that is named like its only output, and return that name."""
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def split(self, tensor: str, outputs: Sequence[str]) -> None:
        """Add a node that cuts the last axis of a tensor into equal parts."""
        self._nodes.append(helper.make_node("Split", [tensor], outputs, name=f"{tensor}.split", axis=-1))

    def alias(self, tensor: str, name: str) -> str:
        """Give a tensor another name where the dialect wants one for calibration, and return the name to use."""
        return self.add("Identity", [tensor], name) if self.dialect.taps else tensor

    def floats(self, name: str, values: npt.ArrayLike) -> str:
        """Add a constant in the float type of the dialect, once, and return its name.

        Raises:
            CheckpointError: a value is too large for that type.
        """
        with np.errstate(over="ignore"):
            converted = np.asarray(values, np.float32).astype(self.dialect.float_type)
        if not np.isfinite(converted).all():
            raise CheckpointError(f"the weight {name!r} holds values beyond 65504: they do not fit FP16")
        return self.constant(name, converted)

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Add a constant of int64, once, and return its name."""
        return self.constant(name, np.array(values, np.int64))

    def constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        """Add a constant as it is, once, and return its name."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name

    def to_float(self, tensor: str, output: str) -> str:
        """Add a cast to the float type of the dialect, and return its output."""
        return self.add("Cast", [tensor], output, to=TensorProto.FLOAT16 if self.dialect.half else TensorProto.FLOAT)

    def finish(self, last: str, output: str, shape: Sequence[str | int]) -> onnx.ModelProto:
        """Return the model; its float32 output is what the last node gave. The same content gives the same bytes."""
        dialect = self.dialect
        if dialect.half:
            self.add("Cast", [last], output, to=TensorProto.FLOAT)
        else:
            self._nodes[-1].name = self._nodes[-1].output[0] = output
        graph = helper.make_graph(
            self._nodes,
            "bert",
            [helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"]) for name in INPUTS],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", dialect.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=dialect.ir_version, producer_name="edgebert")
