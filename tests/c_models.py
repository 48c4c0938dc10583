"""Small whole model files: random weights, a tokenizer and golden answers."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import engine_models
import numpy as np
import numpy.typing as npt

from edgebert import _native
from edgebert.tokenizer import Tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *LETTERS,
    *("##" + letter for letter in LETTERS),
    *",.!?'中文",
    *"turn on off the light play stop music volume up down what is battery please now in kitchen".split(),
]
GOLDEN_TEXTS = ("turn on the light", "", "play music, please!", "Émile's 中文 lights")
QUESTION = "what is on?"
MAX_TOKENS = 24


def tokenizer(folder: Path) -> Tokenizer:
    path = folder / "vocab.txt"
    path.write_text("\n".join(dict.fromkeys(VOCABULARY)) + "\n", encoding="utf-8")
    return Tokenizer.from_file(path)


def whole_file(
    folder: Path,
    labels: int = 0,
    extra_ids: int = 0,
    damaged: str | None = None,
    left_out: str | None = None,
    **settings: str,
) -> bytes:
    """The bytes of a model file; ``labels`` above zero make it a classifier, or a model of ``task`` "tag" or "answer".

    ``extra_ids`` are ids that the tokenizer has and the embeddings have not; ``damaged`` names a tensor whose first bit
    is flipped and ``left_out`` one that is not there, under a right checksum.
    """
    words = tokenizer(folder)
    shape = engine_models.Shape(vocabulary=words.id_count - extra_ids, max_tokens=MAX_TOKENS)
    model = engine_models.make(shape, labels=labels, **settings)
    tokens, more = _contents(words, folder)
    tensors = {**engine_models.file_tensors(model), **tokens}
    metadata = {**engine_models.metadata(model), **more}
    answer = settings.get("task") == "answer"
    pairs = [
        words.encode(QUESTION if answer else text, text if answer else None, max_length=MAX_TOKENS)
        for text in GOLDEN_TEXTS
    ]
    rows = [np.array(pair.ids, np.int32) for pair in pairs]
    types = [np.array(pair.type_ids, np.int32) for pair in pairs]
    draft = folder / "draft.edgebert"
    draft.write_bytes(engine_models.file_bytes(tensors, metadata))
    firsts = [QUESTION] * len(GOLDEN_TEXTS) if answer else GOLDEN_TEXTS
    tensors |= _golden(firsts, GOLDEN_TEXTS if answer else (), rows, answers(draft, rows, types))
    if damaged:
        tensors[damaged] = tensors[damaged].copy()
        tensors[damaged].view(np.uint8).flat[0] ^= 1
    tensors.pop(left_out or "", None)
    return engine_models.file_bytes(tensors, metadata)


def ids(words: Tokenizer, text: str, pair: str | None = None, limit: int = MAX_TOKENS) -> npt.NDArray[np.int32]:
    return np.array(words.encode(text, pair, max_length=limit).ids, np.int32)


def answers(
    path: Path, rows: Sequence[npt.NDArray[np.int32]], types: Sequence[npt.NDArray[np.int32]]
) -> npt.NDArray[np.float32]:
    """What the Python engine answers to each row by itself, or to each token of all rows."""
    session = _native.Model.open(str(path).encode()).session(1)
    found = [
        session.answer(row[None], np.array([len(row)]), kinds[None]) for row, kinds in zip(rows, types, strict=True)
    ]
    return np.concatenate([answer.reshape(-1, answer.shape[-1]) for answer in found])


def _contents(words: Tokenizer, folder: Path) -> tuple[dict[str, npt.NDArray], dict[str, str]]:
    path = folder / "tokenizer.edgebert"
    words.save(path)
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    kinds = {"U8": np.uint8, "U32": np.uint32, "I32": np.int32}
    tensors = {
        name: np.frombuffer(content[end:], np.uint8)[slice(*entry["data_offsets"])].view(kinds[entry["dtype"]])
        for name, entry in header.items()
        if name.startswith("tokenizer.")
    }
    return tensors, header["__metadata__"]


def _golden(
    texts: Sequence[str],
    pairs: Sequence[str],
    rows: Sequence[npt.NDArray[np.int32]],
    outputs: npt.NDArray[np.float32],
) -> dict[str, npt.NDArray]:
    def starts(parts: Sequence[bytes | npt.NDArray]) -> npt.NDArray[np.int64]:
        return np.cumsum([0, *map(len, parts)]).astype(np.int64)

    tensors = {
        "golden.input_ids": np.concatenate(rows),
        "golden.row_starts": starts(rows),
        "golden.outputs": outputs,
    }
    for name, parts in {"text": texts, "pair": pairs}.items():
        encoded = [text.encode() for text in parts]
        if encoded:
            tensors[f"golden.{name}s"] = np.frombuffer(b"".join(encoded), np.uint8)
            tensors[f"golden.{name}_starts"] = starts(encoded)
    return tensors


def write_all(folder: Path) -> None:
    """Write a model of each task for programs that are not Python."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "embed.edgebert").write_bytes(whole_file(folder))
    (folder / "classify.edgebert").write_bytes(whole_file(folder, labels=5))
    (folder / "tag.edgebert").write_bytes(whole_file(folder, labels=5, task="tag"))
    (folder / "answer.edgebert").write_bytes(whole_file(folder, labels=2, task="answer"))


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
