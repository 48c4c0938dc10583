"""Readers give every text in order, one by one, and name file and line of what they cannot read."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert import lines as module
from edgebert.errors import InputError
from edgebert.texts import read_records, read_texts, records_of, texts_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


def _write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_txt_splits_at_line_feeds_alone(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.txt", "one\u2028still one\x85\x0b\n\ntwo\r\nthree".encode())
    assert list(read_texts(path)) == ["one\u2028still one\x85\x0b", "", "two", "three"]


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert list(read_texts(_write(tmp_path, "a.txt", b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n"))) == ["one", "\ufefftwo"]


@given(st.lists(TEXTS))
def test_txt_gives_back_what_was_written(texts: list[str]) -> None:
    content = "".join(text + "\n" for text in texts).encode()
    expected = [texts[0].removeprefix("\ufeff"), *texts[1:]] if texts else []
    assert list(texts_of(io.BytesIO(content), "stdin", "txt")) == expected


@given(st.lists(TEXTS))
def test_jsonl_gives_back_what_was_written(texts: list[str]) -> None:
    content = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    assert list(texts_of(io.BytesIO(content), "stdin", "jsonl")) == texts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"))))
def test_csv_gives_back_what_was_written(texts: list[str]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerows([["id", "text"], *([str(number), text] for number, text in enumerate(texts))])
    assert list(texts_of(io.BytesIO(buffer.getvalue().encode()), "stdin", "csv")) == texts


def test_csv_takes_a_column_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.CSV", b'id,said\r\n1,"turn on, ""now"""\r\n\r\n2,"two\nlines"\r\n')
    assert list(read_texts(path, column="said")) == ['turn on, "now"', "two\nlines"]


def test_tsv_takes_quotes_as_they_are(tmp_path: Path) -> None:
    assert list(read_texts(_write(tmp_path, "a.tsv", b'text\tlabel\n"on\t1\n'))) == ['"on']


def test_csv_takes_a_text_of_a_megabyte(tmp_path: Path) -> None:
    long = "a" * (1 << 20)
    assert list(read_texts(_write(tmp_path, "a.csv", f"text\n{long}\n".encode()))) == [long]


@pytest.mark.parametrize("columns", [("text", "text_pair"), ("text_a", "text_b")])
def test_records_are_pairs_where_the_columns_say_so(tmp_path: Path, columns: tuple[str, str]) -> None:
    table = _write(tmp_path, "a.csv", f"{columns[0]},{columns[1]}\none,two\n".encode())
    lines = _write(tmp_path, "a.jsonl", json.dumps(dict(zip(columns, ("one", "two"), strict=True))).encode())
    assert list(read_records(table)) == list(read_records(lines)) == [("one", "two")]


def test_records_are_texts_elsewhere(tmp_path: Path) -> None:
    assert list(read_records(_write(tmp_path, "a.jsonl", b'{"text": "one"}\n \n{"text": "two"}'))) == ["one", "two"]
    assert list(records_of(io.BytesIO(b"one\ntwo"), "stdin", "txt")) == ["one", "two"]


def test_reading_is_lazy() -> None:
    class Endless(io.RawIOBase):
        def readline(self, size: int | None = -1, /) -> bytes:
            return b"again\n"

    endless = texts_of(Endless(), "stdin", "txt")  # type: ignore[arg-type]
    assert [next(endless) for _ in range(3)] == ["again"] * 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"one\ntw\xff\n", r"a\.txt:2: byte 3 of the line is not UTF-8"),
        ("a.jsonl", b'{"text": "one"}\n{"text"\n', r"a\.jsonl:2: not valid JSON"),
        ("a.jsonl", b'{"text": "one"}\n["two"]\n', r"a\.jsonl:2: a list instead of a JSON object"),
        ("a.jsonl", b'{"text": 1}\n', r"a\.jsonl:1: column 'text' is of type int, not a text"),
        ("a.jsonl", b'{"words": "one"}\n', r"a\.jsonl:1: there is no column 'text', only 'words'"),
        ("a.jsonl", b"{}\n", r"a\.jsonl:1: there is no column 'text', only an empty object"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', r"a\.jsonl:1: column 'text' holds half of a surrogate pair"),
        ("a.jsonl", b"[" * 100_000, r"a\.jsonl:1: not valid JSON"),
        ("a.jsonl", b'{"text": ' + b"1" * 5000 + b"}", r"a\.jsonl:1: (not valid JSON|column 'text' is of type int)"),
        ("a.csv", b"words\none\n", r"a\.csv:2: there is no column 'text', only 'words'"),
        ("a.csv", b"text,label\none\n", r"a\.csv:2: the row has 1 fields, the header has 2"),
        ("a.csv", b'text\n"one\n', r"a\.csv:2: not valid CSV"),
        ("a.csv", b'text\n"one"two\n', r"a\.csv:2: not valid CSV"),
        ("a.parquet", b"", r"a\.parquet ends with \.parquet"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(read_texts(_write(tmp_path, name, content)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_a_line_may_not_be_endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(module, "LINE_MAX", 1 << 10)
    with pytest.raises(InputError, match=r":2: the line is longer"):
        list(read_texts(_write(tmp_path, name, b'{"text": "text"}\n' + b"a" * 2048)))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.txt: No such file"):
        list(read_texts(tmp_path / "none.txt"))
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(InputError, match=r"cannot read .*folder\.txt"):
        list(read_texts(tmp_path / "folder.txt"))


def test_a_row_later_without_the_pair_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.jsonl", b'{"text": "one", "text_pair": "two"}\n{"text": "three"}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:2: there is no column 'text_pair'"):
        list(read_records(path))
