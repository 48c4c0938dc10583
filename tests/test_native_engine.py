"""The native engine: the right numbers, the same bits everywhere, and one line for everything bad."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import engine_models
import numpy as np
import numpy.typing as npt
import pytest
from engine_models import Model, Reference, Shape
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert import _native
from edgebert.errors import BundleError, InputError

SHAPES = [Shape(), Shape(hidden=78, heads=3, intermediate=100), Shape(layers=1, hidden=312, heads=12, intermediate=200)]
LENGTHS = np.array([1, 3, 16, 25, 40])


def make_ids(lengths: npt.NDArray[np.int64], seed: int = 0) -> npt.NDArray[np.int32]:
    """Ids below the vocabulary of 50, [texts, longest]."""
    return np.random.default_rng(seed).integers(0, 50, (len(lengths), int(lengths.max()))).astype(np.int32)


def open_model(model: Model, folder: Path) -> _native.Model:
    return _native.Model.open(bytes(engine_models.write(model, folder / "model.edgebert")))


@pytest.mark.parametrize("shape", SHAPES)
def test_fp32_equals_float64(shape: Shape, tmp_path: Path) -> None:
    model = engine_models.make(shape, precision="fp32")
    ids = make_ids(LENGTHS)
    hidden = open_model(model, tmp_path).session(1).run(ids, LENGTHS)
    for row, length in enumerate(LENGTHS):
        expected = Reference(model).hidden(ids[row, :length])
        assert np.abs(hidden[row, :length] - expected).max() < 2e-5
        assert not hidden[row, length:].any()


@pytest.mark.parametrize("shape", [Shape(layers=1), Shape(layers=1, hidden=78, heads=3, intermediate=100)])
@pytest.mark.parametrize("setting", [{}, {"attention": "int8"}, {"activations": "14"}])
def test_int8_follows_the_formulas(shape: Shape, setting: dict[str, str], tmp_path: Path) -> None:
    model = engine_models.make(shape, **setting)
    ids = make_ids(LENGTHS)
    hidden = open_model(model, tmp_path).session(1).run(ids, LENGTHS)
    errors = []
    for row, length in enumerate(LENGTHS):
        errors.append(np.abs(hidden[row, :length] - Reference(model).hidden(ids[row, :length])).max(axis=1))
    found = np.concatenate(errors)
    # float32 and float64 round a code differently now and then, which moves a token a little
    assert np.median(found) < (1e-4 if setting else 1e-5)
    assert found.max() < (1e-3 if "activations" in setting else 0.05)


KEPT = [
    frozenset({"layer.0.qkv"}),
    frozenset({"layer.1.output", "layer.1.intermediate"}),
    frozenset(f"layer.{n}.{kind}" for n in (0, 1) for kind in ("qkv", "attention_output", "intermediate", "output")),
]


@pytest.mark.parametrize("kept", KEPT, ids=len)
def test_an_int8_model_may_keep_linear_layers_in_fp32(kept: frozenset[str], tmp_path: Path) -> None:
    model = dataclasses.replace(engine_models.make(), kept=kept)
    ids, length = make_ids(np.array([24])), np.array([24])
    expected = Reference(model).hidden(ids[0])
    session = open_model(model, tmp_path).session(1)
    errors = np.abs(session.run(ids, length)[0] - expected)
    quantized = np.abs(Reference(engine_models.make()).hidden(ids[0]) - expected)
    # float32 and float64 round a code differently now and then; without any INT8 layer there is no code to round
    assert np.median(errors) < (2e-6 if len(kept) == 8 else 1e-5)
    assert errors.max() < (2e-5 if len(kept) == 8 else 0.05)
    assert np.median(quantized) > 100 * np.median(errors)
    bits = {values.tobytes() for values in (session.run(ids, length), *_on_every_path(tmp_path, ids, length))}
    assert len(bits) == 1


def _on_every_path(folder: Path, ids: npt.NDArray, lengths: npt.NDArray) -> Iterator[npt.NDArray[np.float32]]:
    model = _native.Model.open(bytes(folder / "model.edgebert"))
    yield from (model.session(2, path=path).run(ids, lengths) for path in _native.cpu_paths())


def test_token_types_count(tmp_path: Path) -> None:
    model = engine_models.make(precision="fp32")
    ids, length = make_ids(np.array([12])), np.array([12])
    types = (np.arange(12) > 5).astype(np.int32)[None]
    hidden = open_model(model, tmp_path).session(1).run(ids, length, types)
    assert np.abs(hidden[0] - Reference(model).hidden(ids[0], types[0])).max() < 2e-5


HEADS = [{"labels": 0}, {"labels": 5}, {"labels": 5, "task": "tag"}, {"labels": 2, "task": "answer"}]


@pytest.mark.parametrize(
    "settings",
    [{}, {"attention": "int8"}, {"activations": "14"}, {"precision": "fp32"}],
    ids=lambda each: "-".join(each),
)
@pytest.mark.parametrize("head", HEADS)
def test_same_bits_on_every_path_and_thread_count(
    settings: dict[str, str], head: dict[str, Any], tmp_path: Path
) -> None:
    model = open_model(engine_models.make(SHAPES[1], **settings, **head), tmp_path)
    ids = make_ids(LENGTHS)
    expected = model.session(1, path="scalar")
    for path in _native.cpu_paths():
        for threads in (1, 2, 3):
            session = model.session(threads, path=path)
            assert session.path == path
            assert session.run(ids, LENGTHS).tobytes() == expected.run(ids, LENGTHS).tobytes()
            assert session.answer(ids, LENGTHS).tobytes() == expected.answer(ids, LENGTHS).tobytes()


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    limit=st.sampled_from([40, 33, 17]),
    threads=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_same_bits_alone_and_in_any_batch(
    batch_model: _native.Model, lengths: list[int], limit: int, threads: int, seed: int
) -> None:
    counts = np.minimum(np.array(lengths), limit)
    ids = make_ids(counts, seed)
    together = batch_model.session(threads, limit).answer(ids, counts)
    alone = batch_model.session(1)
    for row, count in enumerate(counts):
        assert alone.answer(ids[row : row + 1, :count], counts[row : row + 1]).tobytes() == together[row].tobytes()


@pytest.fixture(scope="module")
def batch_model(tmp_path_factory: pytest.TempPathFactory) -> _native.Model:
    return open_model(engine_models.make(), tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("normalize", ["true", "false"])
def test_answer_pools_and_normalizes(pooling: str, normalize: str, tmp_path: Path) -> None:
    model = open_model(engine_models.make(pooling=pooling, normalize=normalize), tmp_path)
    ids = make_ids(LENGTHS)
    hidden, vectors = model.session(1).run(ids, LENGTHS), model.session(1).answer(ids, LENGTHS)
    for row, length in enumerate(LENGTHS):
        tokens = hidden[row, :length].astype(np.float64)
        expected = {"mean": tokens.mean(axis=0), "cls": tokens[0], "max": tokens.max(axis=0)}[pooling]
        expected = expected / np.linalg.norm(expected) if normalize == "true" else expected
        assert vectors[row] == pytest.approx(expected, abs=1e-6)


def test_classifier_equals_float64(tmp_path: Path) -> None:
    model = engine_models.make(labels=5, precision="fp32")
    ids = make_ids(LENGTHS)
    logits = open_model(model, tmp_path).session(2).run(ids, LENGTHS)
    for row, length in enumerate(LENGTHS):
        assert logits[row] == pytest.approx(Reference(model).logits(ids[row, :length]), abs=2e-5)


@pytest.mark.parametrize("head", HEADS[2:])
@pytest.mark.parametrize("shape", SHAPES)
def test_token_heads_equal_float64(head: dict[str, Any], shape: Shape, tmp_path: Path) -> None:
    model = engine_models.make(shape, precision="fp32", **head)
    ids = make_ids(LENGTHS)
    session = open_model(model, tmp_path).session(2)
    logits, answers = session.run(ids, LENGTHS), session.answer(ids, LENGTHS)
    assert logits.shape == answers.shape == (*ids.shape, head["labels"])
    for row, length in enumerate(LENGTHS):
        expected = Reference(model).token_logits(ids[row, :length])
        assert logits[row, :length] == pytest.approx(expected, abs=2e-5)
        shares = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
        wanted = shares if head["task"] == "tag" else expected
        assert answers[row, :length] == pytest.approx(wanted, abs=2e-5)
        assert not logits[row, length:].any() and not answers[row, length:].any()


@pytest.mark.parametrize("head", HEADS[2:])
def test_tokens_have_the_same_bits_alone_and_in_any_batch(head: dict[str, Any], tmp_path: Path) -> None:
    model = open_model(engine_models.make(**head), tmp_path)
    ids = make_ids(LENGTHS)
    together = model.session(3).answer(ids, LENGTHS)
    alone = model.session(1)
    for row, length in enumerate(LENGTHS):
        one = alone.answer(ids[row : row + 1, :length], LENGTHS[row : row + 1])
        assert one.tobytes() == together[row, :length].tobytes()


def test_embeddings_are_rows_of_the_table(tmp_path: Path) -> None:
    ids = np.array([7, 0, 49, 7], np.int32)
    for precision in ("fp32", "int8"):
        model = engine_models.make(precision=precision)
        opened = open_model(model, tmp_path)
        assert opened.embeddings(ids) == pytest.approx(Reference(model).t["embeddings.word"][ids], abs=1e-6)
        for wrong in (-1, 50):
            with pytest.raises(InputError, match=f"ids holds {wrong}, it must be from 0 to 49"):
                opened.embeddings(np.array([wrong], np.int32))


@pytest.mark.parametrize("problem", ["single_label_classification", "multi_label_classification", "regression"])
def test_scores_follow_the_problem(problem: str, tmp_path: Path) -> None:
    session = open_model(engine_models.make(labels=3, problem_type=problem), tmp_path).session(1)
    ids, lengths = make_ids(LENGTHS), LENGTHS
    logits = session.run(ids, lengths).astype(np.float64)
    expected = {
        "single_label_classification": np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True),
        "multi_label_classification": 1 / (1 + np.exp(-logits)),
        "regression": logits,
    }[problem]
    assert session.answer(ids, lengths) == pytest.approx(expected, abs=1e-6)


def test_equals_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    shape = Shape()
    config = transformers.BertConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        max_position_embeddings=shape.max_tokens,
    )
    torch.manual_seed(0)
    bert = transformers.BertModel(config, add_pooling_layer=False).eval()
    weights = {name: value.numpy() for name, value in bert.state_dict().items()}
    model = Model(shape, _from_bert(weights, shape), engine_models.make(precision="fp32").settings)
    ids = make_ids(np.array([40]))
    with torch.no_grad():
        expected = bert(torch.from_numpy(ids).long()).last_hidden_state.numpy()
    assert np.abs(open_model(model, tmp_path).session(1).run(ids, np.array([40])) - expected).max() < 1e-5


def _from_bert(weights: dict[str, npt.NDArray], shape: Shape) -> dict[str, npt.NDArray]:
    out = {f"embeddings.{new}": weights[f"embeddings.{old}_embeddings.weight"] for new, old in _EMBEDDINGS.items()}
    for kind in ("weight", "bias"):
        out[f"embeddings.norm.{kind}"] = weights[f"embeddings.LayerNorm.{kind}"]
        for layer in range(shape.layers):
            old, new = f"encoder.layer.{layer}", f"layer.{layer}"
            query, key, value = (weights[f"{old}.attention.self.{part}.{kind}"] for part in ("query", "key", "value"))
            query = query * np.float32(1 / math.sqrt(shape.hidden // shape.heads))
            out[f"{new}.qkv.{kind}"] = np.concatenate([query, key, value])
            for name, source in _LAYER.items():
                out[f"{new}.{name}.{kind}"] = weights[f"{old}.{source}.{kind}"]
    return out


_EMBEDDINGS = {"word": "word", "position": "position", "type": "token_type"}
_LAYER = {
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}


def test_packing() -> None:
    weight = np.random.default_rng(0).integers(-64, 65, (18, 7)).astype(np.int8)
    packed, wide = _native.pack_int8(weight), _native.pack_fp32(weight.astype(np.float32))
    assert packed.shape == (2, 2, 16, 4)
    assert wide.shape == (2, 7, 16)
    for output in range(18):
        for place in range(7):
            assert packed[output // 16, place // 4, output % 16, place % 4] == weight[output, place]
            assert wide[output // 16, place, output % 16] == weight[output, place]
    assert np.abs(packed.astype(int)).sum() == np.abs(weight.astype(int)).sum()


def test_checksum() -> None:
    assert _native.crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C


@pytest.mark.parametrize(
    ("ids", "lengths", "types", "message"),
    [
        ([[50]], [1], None, "row 0 holds the id 50, it must be from 0 to 49"),
        ([[1, -1]], [2], None, "row 0 holds the id -1"),
        ([[1]], [0], None, "row 0 has 0 tokens"),
        ([[1] * 41], [41], None, "row 0 has 41 tokens, it must have from 1 to 40"),
        ([[1]], [2], None, "row 0 has the length 2, input_ids has 1 columns"),
        ([[1]], [-1], None, "row 0 has the length -1"),
        ([[1]], [1, 1], None, "lengths has 2 numbers"),
        ([[1]], [1], [[2]], "row 0 holds the type id 2"),
        ([[1]], [1], [[0, 0]], "token_type_ids does not have the shape"),
    ],
)
def test_bad_input(
    batch_model: _native.Model, ids: list[list[int]], lengths: list[int], types: list[list[int]] | None, message: str
) -> None:
    kinds = None if types is None else np.array(types, np.int32)
    with pytest.raises(InputError, match=message):
        batch_model.session(1).run(np.array(ids, np.int32), np.array(lengths), kinds)


def test_bad_options(batch_model: _native.Model) -> None:
    with pytest.raises(InputError, match="threads is 0"):
        batch_model.session(0)
    with pytest.raises(InputError, match="max_tokens is 41: the model takes at most 40"):
        batch_model.session(1, 41)
    with pytest.raises(InputError, match=r"there is no CPU path 'mmx' here: choose one of .*scalar"):
        batch_model.session(1, path="mmx")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("layer.0.qkv.weight", np.full((12, 16, 16, 4), 65, np.int8), "holds a number beyond 64"),
        ("layer.0.qkv.weight", np.zeros((12, 16, 64), np.int8), "another type or shape"),
        ("layer.0.qkv.weight", np.zeros((12, 16, 16, 4), np.float32), "another type or shape"),
        ("layer.0.qkv.weight", np.full((12, 64, 16), np.nan, np.float32), "not finite"),
        ("layer.0.qkv.scale", np.full(192, np.nan, np.float32), "not finite"),
        ("layer.1.output.bias", np.full(64, np.inf, np.float32), "not finite"),
        ("layer.0.output.column_sum", np.full(64, 2**31 - 1, np.int32), "a sum that its weights cannot have"),
        ("layer.0.output.smoothing", np.ones(127, np.float32), "another type or shape"),
        ("embeddings.word.rows", np.zeros((49, 64), np.int8), "another type or shape"),
        ("embeddings.position", np.zeros((40, 64), np.int32), "another type or shape"),
    ],
)
def test_lying_tensors(name: str, value: npt.NDArray, message: str, tmp_path: Path) -> None:
    model = engine_models.make()
    path = tmp_path / "model.edgebert"
    path.write_bytes(
        engine_models.file_bytes(engine_models.file_tensors(model) | {name: value}, engine_models.metadata(model))
    )
    with pytest.raises(BundleError, match=message):
        _native.Model.open(bytes(path))


def test_an_fp32_model_has_no_int8_layer(tmp_path: Path) -> None:
    tensors = engine_models.file_tensors(engine_models.make(precision="fp32"))
    tensors["layer.0.qkv.weight"] = np.zeros((12, 16, 16, 4), np.int8)
    path = tmp_path / "model.edgebert"
    path.write_bytes(engine_models.file_bytes(tensors, engine_models.metadata(engine_models.make(precision="fp32"))))
    with pytest.raises(BundleError, match=r"layer\.0\.qkv\.weight has another type or shape"):
        _native.Model.open(bytes(path))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("format", "2", "format 2, this version reads format 1"),
        ("layers", "0", "edgebert.layers is '0', which is not valid"),
        ("layers", "9223372036854775807", "not valid"),
        ("layers", "3", "the tensor layer.2.qkv.weight is missing"),
        ("hidden", "-64", "not valid"),
        ("heads", "7", "edgebert.heads is '7'"),
        ("max_tokens", "41", "embeddings.position has another type or shape"),
        ("layer_norm_epsilon", "nan", "not valid"),
        ("activation", "relu", "not valid"),
        ("task", "classify", "edgebert.labels is missing|not valid"),
        ("pooling", "sum", "not valid"),
    ],
)
def test_lying_settings(name: str, value: str, message: str, tmp_path: Path) -> None:
    model = engine_models.make()
    settings = engine_models.metadata(model) | {f"edgebert.{name}": value}
    path = tmp_path / "model.edgebert"
    path.write_bytes(engine_models.file_bytes(engine_models.file_tensors(model), settings))
    with pytest.raises(BundleError, match=message) as caught:
        _native.Model.open(bytes(path))
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_damaged_files(tmp_path: Path) -> None:
    path = engine_models.write(engine_models.make(), tmp_path / "model.edgebert")
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(good)
        damaged[rng.integers(len(good))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(BundleError):
            _native.Model.open(bytes(path))
    for length in rng.integers(0, len(good), 100):
        path.write_bytes(good[:length])
        with pytest.raises(BundleError):
            _native.Model.open(bytes(path))
    with pytest.raises(BundleError, match="cannot open"):
        _native.Model.open(bytes(tmp_path / "absent"))


def test_overflow_is_reported(tmp_path: Path) -> None:
    model = engine_models.make(precision="fp32")
    model.tensors["layer.0.output.bias"][:] = np.float32(3e38)
    model.tensors["layer.0.attention_norm.bias"][:] = np.float32(3e38)
    with pytest.raises(Exception, match="not finite") as caught:
        open_model(model, tmp_path).session(1).run(make_ids(LENGTHS), LENGTHS)
    assert type(caught.value).__name__ == "EngineError"
