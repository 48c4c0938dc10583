"""Rows come with their values and with where they stand, from every kind of source."""

import json
from pathlib import Path

import pytest

from edgebert.errors import InputError, MissingExtraError
from edgebert.rows import is_source, read_rows

ROWS = [{"text": "turn on\u2028now", "tags": ["B-A", "O"]}, {"text": "", "tags": []}]


def test_jsonl_keeps_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    assert [(row.where, row.values) for row in read_rows(path)] == [(f"{path}:{at}", ROWS[at - 1]) for at in (1, 2)]


def test_tables_say_the_line_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"two\nlines",a\nb,c\n')
    assert [(row.where, dict(row.values)) for row in read_rows(path)] == [
        (f"{path}:3", {"text": "two\nlines", "label": "a"}),
        (f"{path}:4", {"text": "b", "label": "c"}),
    ]


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(ROWS * 2000), path)
    rows = list(read_rows(path))
    assert [dict(row.values) for row in rows] == ROWS * 2000
    assert rows[-1].where == f"{path}:4000"


def test_a_broken_parquet_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 nothing of the kind")
    with pytest.raises(InputError, match=r"a\.parquet:1: not a valid parquet file") as caught:
        list(read_rows(path))
    assert "\n" not in str(caught.value)


def test_hub_classes_become_names(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    label = datasets.ClassLabel(names=["bad", "good"])
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": label, "tags": datasets.Sequence(datasets.ClassLabel(names=["O"]))}
    )
    stored = datasets.Dataset.from_list(
        [{"text": "fine", "label": 1, "tags": [0]}, {"text": "no", "label": -1, "tags": []}], features=features
    )
    asked = []

    def load(name: str, config: str | None, *, split: str, streaming: bool) -> object:
        asked.append((name, config, split, streaming))
        return stored.to_iterable_dataset()

    monkeypatch.setattr(datasets, "load_dataset", load)
    rows = list(read_rows("hub:owner/name/plain:test"))
    assert asked == [("owner/name", "plain", "test", True)]
    assert [dict(row.values) for row in rows] == [
        {"text": "fine", "label": "good", "tags": ["O"]},
        {"text": "no", "label": -1, "tags": []},
    ]
    assert rows[1].where == "hub:owner/name/plain:test:2"


def test_hub_failures_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")

    def fail(*_: object, **__: object) -> None:
        raise ValueError("no such data set\nsecond line")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(InputError, match=r"hub:a/b cannot be had from the hub: no such data set$"):
        list(read_rows("hub:a/b"))
    with pytest.raises(InputError, match="names no data set"):
        list(read_rows("hub:a/b/c/d"))


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"")
    with pytest.raises(MissingExtraError, match=r'pip install "edgebert\[data\]"'):
        list(read_rows(tmp_path / "a.parquet"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends with none of \.jsonl, \.csv, \.tsv, \.parquet"):
        list(read_rows(tmp_path / "a.xml"))
    assert is_source("hub:a/b") and is_source("a.CSV") and not is_source("a.txt")
