"""The device commands are balanced and free of copies; the bundled texts are distinct, usable lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "examples" / "device_commands"
TEXTS = ROOT / "edgebert" / "data" / "texts.txt"
SPLITS = ("train", "test")
MIN_INTENTS = 12
MIN_SENTENCES = 600
MIN_EDITS = 3  # a test sentence fewer edits than this away from a train sentence counts as a copy
MAX_IMBALANCE = 0.2  # of the mean count per intent

Row = tuple[str, str]  # text, label


def _read(split: str) -> list[Row]:
    """Return the rows of a split; every line must be a JSON object of exactly two non-empty strings."""
    rows: list[Row] = []
    for line in (FOLDER / f"{split}.jsonl").read_bytes().decode("utf-8").splitlines():
        record = json.loads(line)
        assert set(record) == {"text", "label"}, line
        assert all(isinstance(value, str) and value == value.strip() != "" for value in record.values()), line
        rows.append((record["text"], record["label"]))
    return rows


def _normalize(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", "", text.lower()).split())


def _edit_distance(left: str, right: str, limit: int) -> int:
    """Return the Levenshtein distance, or `limit` where it is at least that."""
    if abs(len(left) - len(right)) >= limit:
        return limit
    previous = list(range(len(right) + 1))
    for row, a in enumerate(left, start=1):
        current = [row]
        for column, b in enumerate(right, start=1):
            current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (a != b)))
        if min(current) >= limit:
            return limit
        previous = current
    return min(previous[-1], limit)


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Row]]:
    return {split: _read(split) for split in SPLITS}


def test_size(splits: dict[str, list[Row]]) -> None:
    rows = [row for split in SPLITS for row in splits[split]]
    assert len({label for _, label in rows}) >= MIN_INTENTS
    assert len(rows) >= MIN_SENTENCES
    assert 0.2 <= len(splits["test"]) / len(rows) <= 0.3


def test_labels_are_snake_case(splits: dict[str, list[Row]]) -> None:
    labels = {label for rows in splits.values() for _, label in rows}
    assert [label for label in labels if not re.fullmatch(r"[a-z]+(_[a-z]+)*", label)] == []


@pytest.mark.parametrize("split", SPLITS)
def test_split_is_balanced_and_complete(splits: dict[str, list[Row]], split: str) -> None:
    counts = Counter(label for _, label in splits[split])
    assert set(counts) == {label for rows in splits.values() for _, label in rows}
    mean = sum(counts.values()) / len(counts)
    outliers = {label: count for label, count in counts.items() if abs(count - mean) > MAX_IMBALANCE * mean}
    assert outliers == {}


def test_no_sentence_occurs_twice(splits: dict[str, list[Row]]) -> None:
    counts = Counter(_normalize(text) for rows in splits.values() for text, _ in rows)
    assert [text for text, count in counts.items() if count > 1] == []


def test_no_test_sentence_is_a_near_copy_of_a_train_sentence(splits: dict[str, list[Row]]) -> None:
    train = [_normalize(text) for text, _ in splits["train"]]
    copies = [
        (text, other)
        for text in (_normalize(text) for text, _ in splits["test"])
        for other in train
        if _edit_distance(text, other, MIN_EDITS) < MIN_EDITS
    ]
    assert copies == []


def test_readme_counts_match_the_files(splits: dict[str, list[Row]]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    counts = {split: Counter(label for _, label in splits[split]) for split in SPLITS}
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d+) \| (\d+) \|", readme, flags=re.MULTILINE)
    assert {label: (int(train), int(test)) for label, train, test in rows} == {
        label: (counts["train"][label], counts["test"][label]) for label in counts["train"]
    }


def test_bundled_texts_are_distinct_lines(splits: dict[str, list[Row]]) -> None:
    texts = TEXTS.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    assert len(texts) == 400
    assert [text for text in texts if text != text.strip() or not text or text.startswith("#")] == []
    assert [text for text in texts if "\t" in text or len(text.splitlines()) != 1] == []
    assert len({_normalize(text) for text in texts}) == len(texts)
    assert {_normalize(text) for text in texts}.isdisjoint(_normalize(t) for rows in splits.values() for t, _ in rows)


def test_bundled_texts_have_the_lengths_of_real_traffic() -> None:
    words = sorted(len(text.split()) for text in TEXTS.read_text(encoding="utf-8").splitlines())
    assert words[0] == 1
    assert 8 <= words[len(words) // 2] <= 16
    assert 120 <= words[-1] <= 190


def test_edit_distance_tells_copies_from_other_sentences() -> None:
    assert _edit_distance("lock the door", "lock the door", MIN_EDITS) == 0
    assert _edit_distance("lock the door", "lock the doors", MIN_EDITS) == 1
    assert _edit_distance("lock the door", "unlock the door", MIN_EDITS) == 2
    assert _edit_distance("lock the door", "close the door", MIN_EDITS) == MIN_EDITS
    assert _edit_distance("lock", "lock the door", MIN_EDITS) == MIN_EDITS
