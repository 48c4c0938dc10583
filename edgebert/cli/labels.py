"""Labels as jsonl or csv."""

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from edgebert.batching import Flags
from edgebert.classifier import Answer
from edgebert.cli.outputs import csv_line, json_text
from edgebert.texts import Record, parts_of


class JsonlLabels:
    """A JSON object a text: text, label and score, truncated; or text, labels, truncated."""

    def __init__(self, file: BinaryIO, single: bool) -> None:
        self._file = file
        self._single = single

    def write(self, records: Sequence[Record], ranked: Sequence[Sequence[Answer]], truncated: Flags) -> None:
        """Write the answers of texts or pairs."""
        for record, answers, cut in zip(records, ranked, truncated, strict=True):
            fields = [
                f'"{name}": {json_text(text)}' for name, text in zip(_columns(record), parts_of(record), strict=True)
            ]
            objects = [f'"label": {json_text(answer["label"])}, "score": {_number(answer)}' for answer in answers]
            fields.append(
                objects[0] if self._single else f'"labels": [{", ".join(f"{{{entry}}}" for entry in objects)}]'
            )
            fields.append(f'"truncated": {json_text(bool(cut))}')
            self._file.write(f"{{{', '.join(fields)}}}\n".encode())


class CsvLabels:
    """Columns text, label, score, truncated; or label_1, score_1, label_2, ..., empty where a text has fewer labels."""

    def __init__(self, file: BinaryIO, top_k: int | None, labels: int) -> None:
        self._file = file
        self._single = top_k == 1
        self._width = labels if top_k is None else min(top_k, labels)
        self._began = False

    def write(self, records: Sequence[Record], ranked: Sequence[Sequence[Answer]], truncated: Flags) -> None:
        """Write the answers of texts or pairs; the first record decides which columns of texts there are."""
        if not self._began:
            self._file.write(csv_line([*_columns(records[0]), *self._label_columns(), "truncated"]))
            self._began = True
        for record, answers, cut in zip(records, ranked, truncated, strict=True):
            cells = [cell for answer in answers for cell in (answer["label"] or "", _number(answer))]
            cells += [""] * (2 * self._width - len(cells))
            self._file.write(csv_line([*parts_of(record), *cells, json_text(bool(cut))]))

    def _label_columns(self) -> list[str]:
        if self._single:
            return ["label", "score"]
        return [column for rank in range(1, self._width + 1) for column in (f"label_{rank}", f"score_{rank}")]


def _columns(record: Record) -> tuple[str, ...]:
    return ("text",) if isinstance(record, str) else ("text", "text_pair")


def _number(answer: Answer) -> str:
    """Return the shortest decimal that gives the float32 of the score back."""
    return str(np.float32(answer["score"]))
