"""Let the engine itself answer the golden texts, so that its file holds what every device must give."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgebert import _native
from edgebert.calibration import Sample


def engine_answers(content: bytes, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    """Return the answers of the model file ``content``.

    They are vectors [samples, hidden] or scores [samples, labels], or, where each token has an answer, scores [tokens,
    labels] or logits [tokens, 2] of all tokens of all samples.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.edgebert"
        path.write_bytes(content)
        session = _native.Model.open(os.fsencode(path)).session(1)
        rows = [_answer(session, sample) for sample in samples]
    return np.concatenate(rows)


def _answer(session: _native.Session, sample: Sample) -> npt.NDArray[np.float32]:
    lengths = np.array([sample.input_ids.shape[1]], np.int64)
    answer = session.answer(sample.input_ids, lengths, sample.token_type_ids)
    return answer.reshape(-1, answer.shape[-1])
