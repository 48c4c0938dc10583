"""Vectors: as the reference makes them, in the order of the texts, and the same bits in any batch."""

import logging
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from edgebert import load
from edgebert.batching import TruncationWarning
from edgebert.bundle import MODEL, open_bundle
from edgebert.classifier import Classifier
from edgebert.encoder import Encoder
from edgebert.errors import EngineError, InputError
from edgebert.loader import load_bundle
from edgebert.manifest import EmbedHead
from edgebert.pooling import normalize, pool

TEXTS = ["turn on the light", "", "play music, please!", "stop", "what is the battery level now", "stop"]
LONG = "turn on the kitchen lights and play music in the kitchen now please or stop it"


@pytest.fixture(scope="module")
def encoder(embed_bundle: Path) -> Encoder:
    model = load(embed_bundle)
    assert isinstance(model, Encoder)
    return model


def _encoder(make_bundle: Callable[..., Path], *head: Any, **design: Any) -> Encoder:
    model = load(make_bundle(EmbedHead(*head), **design))
    assert isinstance(model, Encoder)
    return model


def _reference(encoder: Encoder, text: str, pooling: str) -> np.ndarray:
    """Return the vector as sentence-transformers computes it, before normalization, in float64."""
    ids = np.array([encoder.tokenizer.encode(text, max_length=encoder.max_tokens).ids], np.int32)
    tokens = encoder.session.run(ids, np.ones_like(ids))[0].astype(np.float64)
    return {"mean": tokens.mean(axis=0), "cls": tokens[0], "max": tokens.max(axis=0)}[pooling]


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_are_those_of_the_reference(make_bundle: Callable[..., Path], pooling: str, unit: bool) -> None:
    encoder = _encoder(make_bundle, pooling, unit)
    expected = np.stack([_reference(encoder, text, pooling) for text in TEXTS])
    if unit:
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-6)


def test_one_text_gives_one_vector(encoder: Encoder) -> None:
    assert encoder.encode("turn on").shape == (8,)
    assert encoder.encode(["turn on"]).shape == (1, 8)
    assert encoder.encode(("turn on", "stop")).shape == (2, 8)
    assert encoder.encode([]).shape == (0, 8)
    assert encoder.encode([], truncate_dim=3).shape == (0, 3)
    assert (encoder.dimension, encoder.max_tokens) == (8, 16)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(TEXTS) | st.text(max_size=12), max_size=9), st.integers(1, 10))
def test_a_text_has_the_same_bits_in_any_batch_and_order(embed_bundle: Path, texts: list[str], size: int) -> None:
    encoder = _cached(embed_bundle)
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    vectors = encoder.encode(texts, batch_size=size)
    for text, vector in zip(texts, vectors, strict=True):
        assert encoder.encode(text).tobytes() == vector.tobytes()


_CACHE: dict[Path, Encoder] = {}


def _cached(path: Path) -> Encoder:
    """Return one encoder for all examples of a property, which may not use fixtures of a test."""
    if path not in _CACHE:
        model = load(path)
        assert isinstance(model, Encoder)
        _CACHE[path] = model
    return _CACHE[path]


def test_threads_change_no_bit(encoder: Encoder, embed_bundle: Path) -> None:
    assert load(embed_bundle, threads=2).encode(TEXTS).tobytes() == encoder.encode(TEXTS).tobytes()  # type: ignore[union-attr]


def test_normalization_can_be_chosen(encoder: Encoder, make_bundle: Callable[..., Path]) -> None:
    raw = _encoder(make_bundle, "mean", False)
    assert np.array_equal(encoder.encode(TEXTS, normalize_embeddings=False), raw.encode(TEXTS))
    assert np.array_equal(raw.encode(TEXTS, normalize_embeddings=True), encoder.encode(TEXTS))
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(TEXTS), axis=1), 1, rtol=1e-6)


def test_a_vector_is_cut_before_it_is_normalized(encoder: Encoder) -> None:
    raw = encoder.encode("turn on", normalize_embeddings=False)
    assert np.array_equal(encoder.encode("turn on", truncate_dim=3), normalize(raw[:3]))
    assert np.array_equal(encoder.encode("turn on", truncate_dim=3, normalize_embeddings=False), raw[:3])
    assert np.array_equal(encoder.encode("turn on", truncate_dim=8), encoder.encode("turn on"))


def test_a_cut_text_is_reported_once(encoder: Encoder) -> None:
    with pytest.warns(
        TruncationWarning, match=r"2 of 3 texts are longer than 16 tokens .* first is texts\[1\]"
    ) as caught:
        vectors = encoder.encode(["stop", LONG, LONG])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.array_equal(vectors[1], vectors[2])


def test_a_cut_text_is_reported_as_an_answer(encoder: Encoder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, truncated = encoder.encode(["stop", LONG], return_truncated=True)
        assert truncated.tolist() == [False, True]
        _, one = encoder.encode(LONG, return_truncated=True)
        assert one.shape == ()
        assert bool(one)
        _, none = encoder.encode([], return_truncated=True)
        assert none.shape == (0,)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_windows_of_a_long_text_are_pooled(encoder: Encoder, how: str) -> None:
    batch = encoder.tokenizer.encode_batch([LONG], max_length=16, stride=4)
    assert len(batch) > 1
    windows = np.stack([pool(encoder.session.run(*batch.padded([row]))[0], "mean") for row in range(len(batch))])
    expected = normalize(pool(windows, how))
    vectors, truncated = encoder.encode(["stop", LONG, "play"], long_texts=how, return_truncated=True)  # type: ignore[call-overload]
    assert not truncated.any()
    assert np.array_equal(vectors[1], expected)
    assert np.array_equal(vectors[[0, 2]], encoder.encode(["stop", "play"]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": 1}, "texts is of type int"),
        ({"texts": None}, "texts is of type NoneType"),
        ({"texts": b"turn on"}, "texts is of type bytes"),
        ({"texts": iter(["a"])}, "texts is of type list_iterator"),
        ({"texts": ["a", 1]}, r"texts\[1\] is of type int"),
        ({"texts": ["a", ("b", "c")]}, r"texts\[1\] is of type tuple"),
        ({"texts": "\ud800"}, "surrogate"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 1.5}, r"batch_size is 1\.5"),
        ({"batch_size": True}, "batch_size is True"),
        ({"truncate_dim": 0}, "truncate_dim is 0: give a whole number from 1 to 8"),
        ({"truncate_dim": 9}, "truncate_dim is 9"),
        ({"truncate_dim": 2.0}, r"truncate_dim is 2\.0"),
        ({"long_texts": "windows"}, "long_texts is 'windows': give one of cut, mean, max"),
        ({"long_texts": ["cut"]}, r"long_texts is \['cut'\]"),
        ({"normalize_embeddings": 1}, "normalize_embeddings is 1"),
        ({"show_progress_bar": "yes"}, "show_progress_bar is 'yes'"),
    ],
)
def test_bad_arguments_are_refused(encoder: Encoder, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        encoder.encode(**{"texts": ["a"], **arguments})
    assert "\n" not in str(caught.value)


def test_a_text_of_a_megabyte_is_cut_or_read(encoder: Encoder) -> None:
    text = "play music " * 100_000
    _, truncated = encoder.encode([text], return_truncated=True)
    assert truncated.tolist() == [True]
    assert np.isfinite(encoder.encode("play music " * 1000, long_texts="mean")).all()


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_broken_weights_are_found(
    make_bundle: Callable[..., Path], tmp_path: Path, seal: Callable[[Path], None], weight: float
) -> None:
    bundle = Path(shutil.copytree(make_bundle(EmbedHead("mean", False), int8=False), tmp_path / "nan.bundle"))
    model = onnx.load(bundle / MODEL)
    words = next(tensor for tensor in model.graph.initializer if tensor.name == "words")
    words.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(words) * np.float32(weight), "words"))
    (bundle / MODEL).write_bytes(model.SerializeToString())
    seal(bundle)
    with pytest.raises(EngineError, match="not a finite number"):
        load(bundle).encode("turn on")  # type: ignore[union-attr]


def test_the_bar_is_shown_when_asked_or_verbose(encoder: Encoder, capsys: pytest.CaptureFixture[str]) -> None:
    encoder.encode(TEXTS)
    assert capsys.readouterr().err == ""
    encoder.encode(TEXTS, batch_size=2, show_progress_bar=True)
    shown = capsys.readouterr().err
    assert shown.endswith("100 % of 6 texts\n")
    assert shown.count("\n") == 1
    logger = logging.getLogger("edgebert")
    logger.setLevel(logging.INFO)
    try:
        encoder.encode(TEXTS)
        assert "100 %" in capsys.readouterr().err
        encoder.encode(TEXTS, show_progress_bar=False)
        assert capsys.readouterr().err == ""
        encoder.encode([])
    finally:
        logger.setLevel(logging.NOTSET)


def test_an_encoder_needs_a_bundle_of_its_task(encoder: Encoder, classify_bundle: Path) -> None:
    manifest = open_bundle(classify_bundle).manifest
    with pytest.raises(InputError, match="the bundle's task is 'classify', which is not for Encoder"):
        Encoder(manifest, encoder.tokenizer, encoder.session)
    with pytest.raises(InputError, match="the bundle's task is 'embed', which is not for Classifier"):
        Classifier(encoder.manifest, encoder.tokenizer, encoder.session)


def test_the_baseline_can_be_loaded(encoder: Encoder, embed_bundle: Path) -> None:
    baseline = load_bundle(open_bundle(embed_bundle), baseline=True)
    assert isinstance(baseline, Encoder)
    cosines = (baseline.encode(TEXTS) * encoder.encode(TEXTS)).sum(axis=1)
    assert 0.99 < cosines.min() < 1 + 1e-6
    assert not np.array_equal(baseline.encode(TEXTS), encoder.encode(TEXTS))


ROWS = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.lists(st.floats(-(2.0**60), 2.0**60, width=32), min_size=width, max_size=width), min_size=1, max_size=5
    )
)


@given(ROWS)
def test_pooling_is_that_of_float64_within_rounding(rows: list[list[float]]) -> None:
    vectors = np.array(rows, np.float32)
    wide = vectors.astype(np.float64)
    scale = np.abs(wide).max(initial=1e-30)
    assert np.abs(pool(vectors, "mean") - wide.mean(axis=0)).max() <= 1e-6 * scale
    assert np.array_equal(pool(vectors, "max"), wide.max(axis=0))
    assert np.array_equal(pool(vectors, "cls"), vectors[0])
    assert np.array_equal(pool(np.asfortranarray(vectors), "mean"), pool(vectors, "mean"))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_a_normalized_vector_has_the_length_one_or_zero(numbers: list[float]) -> None:
    vector = np.array(numbers, np.float32)
    length = float(np.linalg.norm(normalize(vector).astype(np.float64)))
    assert np.linalg.norm(vector.astype(np.float64)) < 1e-10 or abs(length - 1) < 1e-5
    assert normalize(np.zeros(3, np.float32)).tolist() == [0, 0, 0]
