"""A vector for every character and word: the right mean, whole texts, and files that gensim reads."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import SCRIPTS, save_encoder
from hypothesis import given, settings
from hypothesis import strategies as st

import edgebert
from edgebert import _native
from edgebert.cli.lexicon_files import LexiconFormat, keys_file, write_lexicon, written
from edgebert.encoder import Encoder
from edgebert.export import Recipe, export
from edgebert.lexicon import Collector, ContextualSource, Lexicon, TableSource
from edgebert.lexicon.units import characters, words
from edgebert.tokenizer import Tokenizer
from edgebert.windows import TokenOutputs

TEXTS = [
    "中国国语 turn on",
    "日本 light 👍 unbelievable",
    "",
    "中 Light caf\u0065\u0301 soft\u00adhyphen",
    "中国 " * 60,
]


class Numbers:
    """A source whose vectors say which token they stand for."""

    dimension = 2

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def read(self, texts: Sequence[str]) -> list[TokenOutputs]:
        found = []
        for text in texts:
            encoding = self.tokenizer.encode(text, add_special_tokens=False)
            ids = np.array(encoding.ids, np.int32).reshape(-1)
            vectors = np.stack([ids, np.arange(len(ids))], axis=1).astype(np.float32)
            found.append(TokenOutputs(ids, np.array(encoding.offsets, np.int32).reshape(-1, 2), vectors, False))
        return found


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("lexicon")
    checkpoint = save_encoder(folder / "checkpoint", vocabulary=SCRIPTS)
    return export(Recipe(folder / "b", model=str(checkpoint), precision="fp32"))


@pytest.fixture(scope="module")
def encoder(bundle: Any) -> Encoder:
    model = edgebert.load(bundle.path)
    assert isinstance(model, Encoder)
    return model


def collected(source: Any, unit: Any, texts: Sequence[str], size: int = 2) -> Lexicon:
    collector = Collector(source, unit)
    for start in range(0, len(texts), size):
        collector.add(texts[start : start + size])
    return collector.lexicon


def test_characters_and_words_of_a_text(encoder: Encoder) -> None:
    numbers = Numbers(encoder.tokenizer)
    lexicon = collected(numbers, "characters", TEXTS[:4])
    keys = set(lexicon.most_frequent_first())
    assert keys == set("中国语日本👍turnolighbevacfésypd") - {"d"} | set("h")
    assert (lexicon.count("中"), lexicon.count("国"), lexicon.count("é")) == (2, 2, 1)
    lexicon = collected(numbers, "words", TEXTS[:4])
    expected = ["light", "中", "国", "语", "turn", "on", "日", "本", "👍", "unbelievable", "café", "softhyphen"]
    assert sorted(lexicon.most_frequent_first()) == sorted(expected)
    assert lexicon.most_frequent_first(2) == ["中", "国", "light"]


def test_a_word_has_the_mean_of_its_tokens_and_occurrences(encoder: Encoder) -> None:
    numbers = Numbers(encoder.tokenizer)
    text = "on unbelievable on"
    tokens = encoder.tokenizer.encode(text, add_special_tokens=False)
    lexicon = collected(numbers, "words", [text])
    assert lexicon.vector("on")[1] == (0 + len(tokens) - 1) / 2
    inner = range(1, len(tokens) - 1)
    assert lexicon.vector("unbelievable") == pytest.approx(
        [np.mean([tokens.ids[at] for at in inner]), np.mean(list(inner))]
    )


def test_contextual_vectors_are_the_encoders(encoder: Encoder) -> None:
    source = ContextualSource(encoder, 3)
    lexicon = collected(source, "characters", TEXTS)
    sums: dict[str, list[np.ndarray]] = {}
    for text in TEXTS:
        tokens = encoder.read([text])[0]
        for (start, end), vector in zip(tokens.offsets.tolist(), tokens.outputs, strict=True):
            if end == start + 1:
                sums.setdefault(text[start], []).append(vector)
    for key in "中国语日本👍":
        assert lexicon.count(key) == len(sums[key])
        assert lexicon.vector(key) == pytest.approx(np.mean(sums[key], axis=0), abs=1e-6)
    assert lexicon.count("国") == 2 + 60


def test_table_vectors_are_rows(bundle: Any, encoder: Encoder) -> None:
    lexicon = collected(TableSource(bundle), "characters", TEXTS)
    table = _native.Model.open(bytes(bundle.path / "model.edgebert"))
    for key in "中国":
        row = table.embeddings(np.array([encoder.tokenizer.token_to_id(key)], np.int32))[0]
        assert lexicon.vector(key) == pytest.approx(row, abs=1e-6)


def test_chunks_change_nothing(encoder: Encoder) -> None:
    source = ContextualSource(encoder)
    whole, pieces = collected(source, "words", TEXTS, 9), collected(source, "words", TEXTS, 1)
    assert whole.most_frequent_first() == pieces.most_frequent_first()
    for key in whole.most_frequent_first():
        assert whole.vector(key).tobytes() == pieces.vector(key).tobytes()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120))
def test_every_token_of_any_text_is_counted(bundle: Any, text: str) -> None:
    tokenizer = Tokenizer.from_file(bundle.path / "tokenizer.edgebert")
    encoding = tokenizer.encode(text, add_special_tokens=False)
    offsets = np.array(encoding.offsets, np.int32).reshape(-1, 2)
    continues = np.array([token.startswith("##") for token in encoding.tokens], np.bool_)
    found = list(words(text, offsets, continues, True))
    assert [at for place in found for at in range(place.first, place.end)] == list(range(len(encoding)))
    for place in characters(text, offsets, continues, True):
        assert all(0 <= offsets[at, 0] < offsets[at, 1] for at in range(place.first, place.end))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=3), st.integers(-9, 9)), max_size=60), st.integers(1, 3))
def test_a_lexicon_counts_and_averages(pairs: list[tuple[str, int]], least: int) -> None:
    lexicon = Lexicon(1)
    for key, value in pairs:
        lexicon.add([key], np.array([[value]], np.float32))
    counts = Counter(key for key, _ in pairs)
    assert lexicon.most_frequent_first(least) == [key for key, count in counts.most_common() if count >= least]
    for key, count in counts.items():
        assert lexicon.vector(key)[0] == pytest.approx(sum(v for k, v in pairs if k == key) / count, abs=1e-6)


def test_a_lexicon_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon = Lexicon(2)
    keys = [str(number) for number in range(5000)]
    lexicon.add(keys, np.arange(10_000, dtype=np.float32).reshape(-1, 2))
    assert lexicon.vector("4999").tolist() == [9998, 9999]
    assert len(lexicon) == 5000


@pytest.fixture
def lexicon() -> Lexicon:
    found = Lexicon(3)
    keys = ["中", "light", "é", "👍", "new york", "\u2028", "中"]
    found.add(keys, np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32))
    return found


@pytest.mark.parametrize("binary", [False, True])
def test_gensim_reads_what_is_written(lexicon: Lexicon, binary: bool, tmp_path: Path) -> None:
    keyed = pytest.importorskip("gensim.models").KeyedVectors
    keys = lexicon.most_frequent_first()
    kind = LexiconFormat.word2vec_binary if binary else LexiconFormat.word2vec
    write_lexicon(tmp_path / "v", kind, lexicon, keys)
    vectors = keyed.load_word2vec_format(str(tmp_path / "v"), binary=binary)
    assert vectors.index_to_key == ["中", "light", "é", "👍", r"new\u0020york", r"\u2028"]
    for key in keys:
        assert vectors[written(key)].tobytes() == lexicon.vector(key).tobytes()


def test_npy_and_jsonl(lexicon: Lexicon, tmp_path: Path) -> None:
    keys = lexicon.most_frequent_first()
    write_lexicon(tmp_path / "v.npy", LexiconFormat.npy, lexicon, keys)
    matrix = np.load(tmp_path / "v.npy", allow_pickle=False)
    assert matrix.tobytes() == np.stack([lexicon.vector(key) for key in keys]).tobytes()
    names = keys_file(tmp_path / "v.npy").read_text(encoding="utf-8").split("\n")
    assert names[:-1] == [written(key) for key in keys]
    write_lexicon(tmp_path / "v.jsonl", LexiconFormat.jsonl, lexicon, keys)
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert [(row["key"], row["count"]) for row in rows] == [(key, lexicon.count(key)) for key in keys]
    assert np.array(rows[4]["vector"], np.float32).tobytes() == lexicon.vector(keys[4]).tobytes()
