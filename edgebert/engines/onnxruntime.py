"""The onnxruntime engine: one unpadded text a call.

Dynamic INT8 on ONNX Runtime has one scale for a whole activation tensor, so a batch would change the vectors of its
texts. Rows are therefore run alone and without padding: the same text gives the same bits whatever it is sent with.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np

from edgebert.bundle import Bundle
from edgebert.engines import Floats, Ids, Session
from edgebert.engines.arrays import check_arrays
from edgebert.errors import EngineError, MissingExtraError
from edgebert.manifest import Manifest


def open_session(bundle: Bundle, file: str, threads: int) -> Session:
    """Open a graph of the bundle with ONNX Runtime.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        EngineError: ONNX Runtime refuses the graph.
    """
    return OnnxRuntimeSession(bundle.file(file), bundle.manifest, threads)


class OnnxRuntimeSession:
    """A graph opened with ONNX Runtime on the CPU."""

    engine = "onnxruntime"

    def __init__(self, path: Path, manifest: Manifest, threads: int) -> None:
        self._path = path
        self._session = _open(path, threads)
        self._inputs = _input_names(path, self._session)
        self._shape = manifest.shape
        self._by_token = manifest.output_by_token
        self._width = manifest.output_width

    def run(self, input_ids: Ids, attention_mask: Ids, token_type_ids: Ids | None = None) -> Floats:
        """Run the graph; see `edgebert.engines.Session.run`."""
        shape = self._shape
        lengths = check_arrays(input_ids, attention_mask, token_type_ids, shape.vocabulary, shape.max_tokens)
        types = np.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        rows = [
            self._run_row(input_ids[row : row + 1, :length], types[row : row + 1, :length])
            for row, length in enumerate(lengths)
        ]
        return _padded(rows, input_ids.shape[1]) if self._by_token else np.concatenate(rows)

    def _run_row(self, input_ids: Ids, token_type_ids: Ids) -> Floats:
        """Run one row [1, tokens] and return its output with a first axis of 1."""
        feed = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids), "token_type_ids": token_type_ids}
        try:
            output = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        except Exception as error:  # onnxruntime raises classes of its own that share no public base
            raise EngineError(f"onnxruntime cannot run {self._path}: {_first_line(error)}") from error
        expected = self._output_shape(input_ids.shape[1])
        if not isinstance(output, np.ndarray) or output.shape != expected or output.dtype != np.float32:
            found = f"{output.dtype} {list(output.shape)}" if isinstance(output, np.ndarray) else type(output).__name__
            raise EngineError(
                f"{self._path} gives {found}, the manifest says float32 {list(expected)}: export the bundle again"
            )
        return cast("Floats", output)

    def _output_shape(self, tokens: int) -> tuple[int, ...]:
        return (1, tokens, self._width) if self._by_token else (1, self._width)


def _padded(rows: list[Floats], tokens: int) -> Floats:
    """Join outputs [1, tokens of the row, width] to [rows, tokens, width] with zeros for padding."""
    if len(rows) == 1 and rows[0].shape[1] == tokens:
        return rows[0]
    output = np.zeros((len(rows), tokens, rows[0].shape[2]), np.float32)
    for row, vectors in enumerate(rows):
        output[row, : vectors.shape[1]] = vectors[0]
    return output


def _input_names(path: Path, session: Any) -> list[str]:  # noqa: ANN401  (onnxruntime has no types)
    names = [entry.name for entry in session.get_inputs()]
    unknown = set(names) - {"input_ids", "attention_mask", "token_type_ids"}
    if unknown or "input_ids" not in names:
        raise EngineError(f"{path} is not the graph of a BERT encoder, its inputs are {names}: export the bundle again")
    return names


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _open(path: Path, threads: int) -> Any:  # noqa: ANN401  (onnxruntime has no types)
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal; failures arrive as exceptions
    # a device's core is not ours to burn between two calls
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no public base
        raise EngineError(f"onnxruntime {onnxruntime.__version__} cannot open {path}: {_first_line(error)}") from error
