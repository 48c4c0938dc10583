"""Entities: those of the pipeline of transformers, in the right place on hard text, whole on long text."""

import logging
import warnings
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import transformers
from checkpoints import save_tagger
from hypothesis import given, settings
from hypothesis import strategies as st

import edgebert
from edgebert.batching import TruncationWarning
from edgebert.bundle import open_bundle
from edgebert.entities import Aggregation
from edgebert.errors import InputError
from edgebert.export import Recipe, export
from edgebert.loader import load_bundle
from edgebert.tagger import Tagger
from edgebert.verify import verify

LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER", "MISC"]
TEXTS = [
    "turn on the lights in kitchen",
    "unbelievable things, please! what's playing now?",
    "I do not know. it is n't up , is it ?",
    "x",
    "",
    "   ",
    "play 'music' down down down off",
    "[MASK] [SEP] light ##ing # #",
]
HARD = [
    "中文国语 in 日本",
    "good 👍🏽 job 🎉🎉 now",
    "Caf\u00e9 e\u0301a\u0323\u0302 caf\u0065\u0301",
    "soft\u00adhyphen zero\u200bwidth",
    "\u00a0 12.50\u2009€ tab\tand\u2028line",
    "\ufb01sh İstanbul Straße",
]
ALL = get_args(Aggregation)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tagger(tmp_path_factory.mktemp("tagger") / "checkpoint", LABELS)


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Path:
    return export(Recipe(folder.parent / "tagger.bundle", model=str(folder))).path


@pytest.fixture(scope="module")
def tagger(bundle: Path) -> Tagger:
    model = load_bundle(open_bundle(bundle), "native", baseline=True)
    assert isinstance(model, Tagger)
    return model


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Any:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    return transformers.pipeline("token-classification", model=str(folder), device="cpu")


def assert_alike(found: list[Any], expected: list[Any]) -> None:
    """The same entities with about the same scores."""
    assert [{**each, "score": 0} for each in found] == [{**each, "score": 0} for each in expected]
    scores = [[each["score"] for each in entities] for entities in (found, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


@pytest.mark.parametrize("aggregation", ALL)
@pytest.mark.parametrize("text", TEXTS)
def test_entities_are_those_of_transformers(tagger: Tagger, pipeline: Any, text: str, aggregation: Any) -> None:
    assert_alike(tagger.tag(text, aggregation), pipeline(text, aggregation_strategy=aggregation))
    everything = pipeline(text, aggregation_strategy=aggregation, ignore_labels=[])
    assert_alike(tagger.tag(text, aggregation, ignore_labels=[]), everything)


@pytest.mark.parametrize("aggregation", ["none", "simple"])
@pytest.mark.parametrize("text", HARD)
def test_places_are_right_on_hard_text(tagger: Tagger, pipeline: Any, text: str, aggregation: Any) -> None:
    found = tagger.tag(text, aggregation, ignore_labels=[])
    assert_alike(found, pipeline(text, aggregation_strategy=aggregation, ignore_labels=[]))
    assert found


@pytest.mark.parametrize("aggregation", ["first", "average", "max"])
@pytest.mark.parametrize("text", [*TEXTS, *HARD])
def test_words_stay_whole(tagger: Tagger, text: str, aggregation: Any) -> None:
    # transformers takes a token for the start of a word by its length, which fails where accents are stripped
    words = tagger.tokenizer.encode(text)
    pairs = zip(words.word_ids, words.offsets, strict=True)
    starts = {offset[0]: word for word, offset in reversed(list(pairs)) if word is not None}
    ends = {offset[1]: word for word, offset in zip(words.word_ids, words.offsets, strict=True) if word is not None}
    found = tagger.tag(text, aggregation, ignore_labels=[])
    covered = [word for each in found for word in range(starts[each["start"]], ends[each["end"]] + 1)]
    assert covered == sorted({word for word in words.word_ids if word is not None})


def test_a_cased_tagger(pipeline: Any, tmp_path: Path) -> None:
    cased = save_tagger(tmp_path / "checkpoint", LABELS, lowercase=False)
    model = edgebert.load(export(Recipe(tmp_path / "b", model=str(cased), precision="fp32")).path)
    reference = transformers.pipeline("token-classification", model=str(cased), device="cpu")
    for text in (*TEXTS, *HARD):
        assert_alike(model.tag(text, "none"), reference(text))


def test_one_text_gives_one_answer(tagger: Tagger) -> None:
    one = tagger.tag(TEXTS[0])
    assert isinstance(one[0], dict)
    assert tagger.tag([TEXTS[0]]) == [one]
    assert tagger.tag([]) == []
    assert tagger.tag("") == []
    assert list(one[0]) == ["entity_group", "score", "word", "start", "end"]
    assert list(tagger.tag(TEXTS[0], "none")[0]) == ["entity", "score", "index", "word", "start", "end"]
    assert tagger.labels == tuple(LABELS)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([*TEXTS, *HARD, "stop " * 100]), max_size=8), st.integers(1, 9))
def test_a_text_has_the_same_entities_in_any_batch(bundle: Path, texts: list[str], size: int) -> None:
    model = _loaded(bundle)
    assert model.tag(texts, batch_size=size) == [model.tag(text) for text in texts]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.sampled_from(ALL))
def test_any_text_gives_pieces_in_order(bundle: Path, text: str, aggregation: Any) -> None:
    found = _loaded(bundle).tag(text, aggregation, ignore_labels=[])
    assert all(0 <= each["start"] < each["end"] <= len(text) for each in found)
    assert [each["start"] for each in found] == sorted(each["start"] for each in found)


_OPEN: dict[Path, Tagger] = {}


def _loaded(bundle: Path) -> Tagger:
    if bundle not in _OPEN:
        model = edgebert.load(bundle, engine="native")
        assert isinstance(model, Tagger)
        _OPEN[bundle] = model
    return _OPEN[bundle]


@pytest.mark.parametrize("words", [62, 63, 100, 400])
def test_long_texts_are_read_whole(tagger: Tagger, words: int) -> None:
    vocabulary = "turn on the light play stop music volume up down".split()
    text = " ".join(np.random.default_rng(words).choice(vocabulary, words))
    tokens = tagger.read([text])[0]
    whole = tagger.tokenizer.encode(text, add_special_tokens=False)
    assert tokens.ids.tolist() == whole.ids
    assert [tuple(pair) for pair in tokens.offsets.tolist()] == whole.offsets
    assert tokens.outputs.shape == (words, len(LABELS))
    assert not tokens.truncated
    indices = [each["index"] for each in tagger.tag(text, "none", ignore_labels=[])]
    assert indices == list(range(1, words + 1))
    head = tagger.read([text], long_texts="cut")[0]
    assert head.ids.tolist() == whole.ids[:62]
    assert head.truncated == (words > 62)


def test_cut_texts_are_cut_as_transformers_cuts_them(tagger: Tagger, pipeline: Any) -> None:
    text = "turn on the light in kitchen " * 30
    with pytest.warns(TruncationWarning, match=r'longer than 64 tokens .*: pass long_texts="windows" to read'):
        found = tagger.tag(text, long_texts="cut")
    assert_alike(found, pipeline(text, aggregation_strategy="simple"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(tagger.tag(text)) > len(found)


def test_int8_agrees_and_verifies(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    assert (manifest.task, manifest.output_width, manifest.output_by_token) == ("tag", len(LABELS), True)
    for engine in ("native", "onnxruntime"):
        assert manifest.accuracy[engine]["agreement"] > 0.9
        found = verify(bundle, engine)
        assert found.largest_difference <= found.tolerance
    report = (bundle / "report.md").read_text()
    assert "share of tokens with the same label as FP32" in report


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": 5}, "texts is of type int: give a str or a list of str"),
        ({"texts": ["a", None]}, r"texts\[1\] is of type NoneType"),
        ({"texts": "a", "aggregation": "mean"}, "aggregation is 'mean': give one of none, simple"),
        ({"texts": "a", "batch_size": 0}, "batch_size is 0"),
        ({"texts": "a", "long_texts": "mean"}, "long_texts is 'mean': give one of windows, cut"),
    ],
)
def test_wrong_arguments(tagger: Tagger, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tagger.tag(**arguments)


def test_pairs_are_refused(tagger: Tagger) -> None:
    with pytest.raises(InputError, match="1 of 2 texts are pairs"):
        tagger.outputs(["a", ("b", "c")])
