"""Golden answers: texts with the ids and outputs that the bundle must give on every machine."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from edgebert.engines import Floats
from edgebert.errors import BundleError
from edgebert.models import Model
from edgebert.texts import Record

FORMAT = 1
Text = Record


@dataclasses.dataclass(frozen=True)
class Golden:
    """The content of ``golden.json``."""

    texts: tuple[Text, ...]
    input_ids: tuple[tuple[int, ...], ...]  # of each text, cut to the model's length
    outputs: Mapping[
        str, tuple[tuple[float, ...], ...]
    ]  # by engine; of each text what `model_outputs` gives, in one row

    def to_json(self) -> dict[str, object]:
        """Return the document that ``golden.json`` holds."""
        return {"format": FORMAT, **dataclasses.asdict(self)}


def make_golden(model: Model, texts: tuple[Text, ...]) -> Golden:
    """Let a model answer texts; each output is the shortest decimal that gives its float32 back."""
    found = model_outputs(model, texts)
    outputs = tuple(tuple(float(str(value)) for value in row.reshape(-1)) for row in found)
    return Golden(texts, tuple(token_ids(model, text) for text in texts), {model.session.engine: outputs})


def join_goldens(goldens: Sequence[Golden]) -> Golden:
    """Join the golden answers of several engines to the same texts."""
    outputs = {engine: rows for golden in goldens for engine, rows in golden.outputs.items()}
    return dataclasses.replace(goldens[0], outputs=outputs)


def model_outputs(model: Model, texts: Sequence[Text]) -> list[Floats]:
    """Return what golden answers hold, of each text an array.

    It is a vector [dimension], the scores of all labels [labels] or, of each token, [tokens, labels], or logits of the
    start and the end of an answer [1 + tokens of the context, 2], those of [CLS] first.
    """
    return model.outputs(texts)


def token_ids(model: Model, text: Text) -> tuple[int, ...]:
    """Return the ids of a text as the model reads them."""
    first, second = (text, None) if isinstance(text, str) else text
    return tuple(int(token) for token in model.tokenizer.encode(first, second, max_length=model.max_tokens).ids)


def parse_golden(document: object, where: str) -> Golden:
    """Turn the JSON of ``golden.json`` into golden answers, trusting nothing.

    Args:
        document: what the JSON parser returned.
        where: the path of the file, for messages.

    Raises:
        BundleError: a field is missing, of the wrong type, or not as long as the texts, or the format is newer.
    """
    if not isinstance(document, dict):
        raise BundleError(f"{where} must be a JSON object, not {type(document).__name__}")
    number = document.get("format")
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= FORMAT:
        raise BundleError(
            f"{where} has format {number!r}; this edgebert reads up to {FORMAT}: upgrade edgebert or export again"
        )
    texts = tuple(
        _text(entry, f"{where}: texts[{at}]") for at, entry in enumerate(_list(document, "texts", where, None))
    )
    if not texts:
        raise BundleError(f"{where}: texts is empty: export the bundle again")
    ids = _list(document, "input_ids", where, len(texts))
    outputs = document.get("outputs")
    if not isinstance(outputs, dict) or not outputs:
        raise BundleError(f"{where}: field 'outputs' must be an object with at least one engine")
    return Golden(
        texts,
        tuple(_ids(row, f"{where}: input_ids[{at}]") for at, row in enumerate(ids)),
        {engine: _matrix(outputs, engine, where, len(texts)) for engine in outputs},
    )


def _matrix(outputs: dict[str, object], engine: str, where: str, length: int) -> tuple[tuple[float, ...], ...]:
    rows = _list(outputs, engine, f"{where}: outputs", length)
    return tuple(_floats(row, f"{where}: outputs[{engine!r}][{at}]") for at, row in enumerate(rows))


def _list(document: dict[str, object], key: str, where: str, length: int | None) -> list[object]:
    value = document.get(key)
    if not isinstance(value, list):
        raise BundleError(f"{where}: field {key!r} must be a list, not {type(value).__name__}")
    if length is not None and len(value) != length:
        raise BundleError(f"{where}: field {key!r} has {len(value)} entries for {length} texts")
    return value


def _text(entry: object, where: str) -> Text:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
        return entry[0], entry[1]
    raise BundleError(f"{where} must be a text or a list of two")


def _ids(row: object, where: str) -> tuple[int, ...]:
    if isinstance(row, list) and all(type(value) is int for value in row):
        return tuple(row)
    raise BundleError(f"{where} must be a list of whole numbers")


def _floats(row: object, where: str) -> tuple[float, ...]:
    largest = float(np.finfo(np.float32).max)
    if isinstance(row, list) and all(type(value) in (int, float) and abs(value) <= largest for value in row):
        return tuple(float(value) for value in row)
    raise BundleError(f"{where} must be a list of numbers that float32 holds")
