"""The onnxruntime engine: one unpadded text a call.

Dynamic INT8 on ONNX Runtime has one scale for a whole activation tensor, so a batch would change the vectors of its texts.
Rows are therefore run alone and without padding: the same text gives the same bits whatever it is sent with.
"""

from pathlib import Path
from typing import Any

import numpy as np

from edgebert.bundle import Bundle
from edgebert.engines import Floats, Ids, Session
from edgebert.engines.arrays import check_arrays
from edgebert.errors import EngineError, MissingExtraError


def open_session(bundle: Bundle, file: str, threads: int) -> Session:
    """Open a graph of the bundle with ONNX Runtime.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        EngineError: ONNX Runtime refuses the graph.
    """
    shape = bundle.manifest.shape
    return OnnxRuntimeSession(bundle.file(file), threads, shape.vocabulary, shape.max_tokens, shape.hidden)


class OnnxRuntimeSession:
    """A graph opened with ONNX Runtime on the CPU."""

    engine = "onnxruntime"

    def __init__(self, path: Path, threads: int, vocabulary: int, max_tokens: int, hidden: int) -> None:
        self._session = _open(path, threads)
        self._vocabulary = vocabulary
        self._max_tokens = max_tokens
        self._hidden = hidden

    def run(self, input_ids: Ids, attention_mask: Ids, token_type_ids: Ids | None = None) -> Floats:
        """Run the graph; see `edgebert.engines.Session.run`."""
        lengths = check_arrays(input_ids, attention_mask, token_type_ids, self._vocabulary, self._max_tokens)
        types = np.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        rows = [
            self._run_row(input_ids[row : row + 1, :length], types[row : row + 1, :length])
            for row, length in enumerate(lengths)
        ]
        return _stack(rows, input_ids.shape, self._hidden)

    def _run_row(self, input_ids: Ids, token_type_ids: Ids) -> Floats:
        feed = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids), "token_type_ids": token_type_ids}
        output: Floats = self._session.run(None, feed)[0]
        return output


def _stack(rows: list[Floats], shape: tuple[int, ...], hidden: int) -> Floats:
    """Join outputs of rows: token vectors [1, tokens, hidden] are padded with zeros, logits [1, labels] are stacked."""
    if rows and rows[0].ndim == 2:
        return np.concatenate(rows)
    if len(rows) == 1 and rows[0].shape[1] == shape[1]:
        return rows[0]
    output = np.zeros((*shape, hidden), np.float32)
    for row, vectors in enumerate(rows):
        output[row, : vectors.shape[1]] = vectors[0]
    return output


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
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no public base
        reason = str(error).splitlines()[0]
        raise EngineError(f"onnxruntime {onnxruntime.__version__} cannot open {path}: {reason}") from error
