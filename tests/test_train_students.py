"""Students: which layers they start from, what pruning takes away, and what INT8 in the loop computes."""

import itertools

import numpy as np
import pytest
import torch
import transformers
from checkpoints import save_classifier, save_encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from training_data import labelled

from edgebert.errors import InputError
from edgebert.export.checkpoint import load_tokenizer
from edgebert.export.lower.integer import WEIGHT_MAX, IntegerLinear
from edgebert.export.train import augment
from edgebert.export.train.batches import collate
from edgebert.export.train.loop import make_accelerator
from edgebert.export.train.outputs import Wanted, averaged, outputs_of
from edgebert.export.train.prune import importance, prune_ffn, prune_heads
from edgebert.export.train.simulate import SimulatedLinear, rounded_weight, simulate
from edgebert.export.train.store import write_store
from edgebert.export.train.students import Shape, make_student, matched, spread
from edgebert.export.train.teacher import TeacherAnswers, ask_teachers
from edgebert.export.train.vocabulary import check_pruned, needed_ids, prune_embeddings, pruned_tokenizer

LABELS = ["kitchen", "light", "music"]
INPUTS = {"input_ids": torch.tensor([[2, 70, 71, 72, 3]]), "attention_mask": torch.ones(1, 5, dtype=torch.int64)}
BATCH = {**INPUTS, "token_type_ids": torch.zeros(1, 5, dtype=torch.int64)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_classifier(tmp_path_factory.mktemp("t") / "teacher", LABELS, num_hidden_layers=4)


@pytest.fixture
def teacher(folder):
    return transformers.BertForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()


@pytest.fixture(scope="module")
def tokenizer(folder):
    return load_tokenizer(folder)


def encoded(tokenizer, count=40):
    for row in labelled(count):
        ids = np.array(tokenizer(row["text"])["input_ids"], np.int32)
        yield {"input_ids": ids, "token_type_ids": np.zeros(len(ids), np.int8)}


def test_layers_are_spread():
    assert [spread(count, 6) for count in (1, 2, 3, 6)] == [(5,), (0, 5), (0, 2, 5), (0, 1, 2, 3, 4, 5)]
    assert matched(3, 6) == (1, 3, 5)
    assert matched(2, 5)[-1] == 4
    with pytest.raises(InputError, match="cannot be cut from a teacher of 6"):
        spread(7, 6)


def test_a_student_has_the_layers_it_was_given(teacher):
    student = make_student(teacher, Shape(2, keep=(1, 3)))
    ours, theirs = student.state_dict(), teacher.state_dict()
    for name, value in ours.items():
        source = name.replace("layer.1.", "layer.3.").replace("layer.0.", "layer.1.")
        assert torch.equal(value, theirs[source])
    whole = make_student(teacher, Shape(4)).eval()
    torch.testing.assert_close(whole(**BATCH).logits, teacher(**BATCH).logits)


def test_another_width_keeps_what_word_vectors_say_of_each_other(teacher):
    student = make_student(teacher, Shape(2, hidden=24, heads=4, ffn=40))
    words = teacher.bert.embeddings.word_embeddings.weight
    narrow = student.bert.embeddings.word_embeddings.weight
    assert narrow.shape == (len(words), 24)
    singular = torch.linalg.svdvals(words.double())
    torch.testing.assert_close(torch.linalg.svdvals(narrow.double()), singular[:24], rtol=1e-4, atol=1e-4)
    wide = make_student(teacher, Shape(2, hidden=40, heads=4)).bert.embeddings.word_embeddings.weight
    torch.testing.assert_close(wide @ wide.T, words @ words.T, rtol=1e-3, atol=1e-4)
    assert student(**BATCH).logits.shape == (1, 3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (Shape(5), "cannot be cut"),
        (Shape(2, keep=(0, 4)), "layers to keep are 0, 4: name 2 of 0 to 3"),
        (Shape(2, heads=2), "another width, or prune_heads"),
        (Shape(2, ffn=8), "another width, or prune_ffn"),
        (Shape(2, hidden=30, heads=4), "a width of 30 cannot be cut into 4 heads"),
    ],
)
def test_shapes_that_cannot_be_made(teacher, shape, message):
    with pytest.raises(InputError, match=message):
        make_student(teacher, shape)


def test_kept_answers_are_those_of_the_teacher(teacher, tokenizer, tmp_path):
    data = write_store(tmp_path / "data", encoded(tokenizer))
    wanted = Wanted(None, hidden=(1, 3), attention=(2,), relations=3)
    other = make_student(teacher, Shape(4)).eval()
    torch.nn.init.normal_(other.classifier.weight)
    accelerator = make_accelerator("fp32")
    ask_teachers(accelerator, [teacher, other], wanted, data, 0, tmp_path / "answers")
    from edgebert.export.train.store import Store

    answers = TeacherAnswers(Store(tmp_path / "answers"), data.lengths())
    indices = np.array([7, 0, 31])
    batch = collate(data, indices, 0)
    with torch.inference_mode():
        expected = averaged([outputs_of(model, batch, wanted) for model in (teacher, other)])
    mask = batch["attention_mask"].bool()
    found = answers.collate(indices)
    assert found.keys() == {f"teacher.{name}" for name in expected}
    torch.testing.assert_close(found["teacher.logits"], expected["logits"], rtol=1e-5, atol=1e-6)
    for name in ("hidden.0", "hidden.1", "query", "key", "value"):
        torch.testing.assert_close(found[f"teacher.{name}"][mask], expected[name][mask], rtol=2e-3, atol=2e-3)
    both = mask[:, None, :, None] & mask[:, None, None, :]
    ours, theirs = found["teacher.attention.0"], expected["attention.0"]
    torch.testing.assert_close(ours * both, theirs * both, rtol=2e-3, atol=1e-3)


def test_int8_in_the_loop_is_the_product_of_the_engine():
    torch.manual_seed(0)
    linear = torch.nn.Linear(48, 20)
    values = torch.randn(7, 48) * torch.rand(7, 1) * 9
    scale = linear.weight.detach().abs().amax(dim=1) / WEIGHT_MAX
    codes = torch.round(linear.weight.detach() / scale[:, None]).to(torch.int8).T.contiguous()
    expected = IntegerLinear(codes, scale, linear.bias.detach(), None)(values)
    found = SimulatedLinear.of(linear)(values)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found, linear(values), rtol=1e-4, atol=1e-4)


def test_gradients_pass_the_rounding():
    linear = torch.nn.Linear(8, 3)
    values = torch.randn(4, 8, requires_grad=True)
    SimulatedLinear.of(linear)(values).sum().backward()
    assert linear.weight.grad is not None and values.grad is not None
    torch.testing.assert_close(values.grad, rounded_weight(linear.weight).sum(dim=0).expand(4, 8))


def test_simulation_comes_and_goes_without_a_trace(teacher):
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    plain = teacher(**BATCH).logits
    parameters = {id(weight) for weight in teacher.parameters()}
    simulate(teacher, True)
    assert not torch.equal(teacher(**BATCH).logits, plain)
    assert {id(weight) for weight in teacher.parameters()} == parameters
    simulate(teacher, False)
    assert torch.equal(teacher(**BATCH).logits, plain)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_neurons_and_heads_that_do_nothing_go_first(teacher):
    layer = teacher.bert.encoder.layer[1]
    with torch.no_grad():
        layer.output.dense.weight[:, [3, 50]] = 0
        layer.attention.output.dense.weight[:, 8:16] = 0  # head 1
    plain = teacher(**BATCH).logits
    loss = lambda batch: teacher(**batch, labels=torch.tensor([1])).loss  # noqa: E731
    neurons, heads = importance(teacher, loss, [BATCH, BATCH])
    assert neurons[1][[3, 50]].tolist() == [0, 0] and float(neurons[1].sum()) > 0
    assert int(heads[1].argmin()) == 1 and float(heads[1][1]) == 0
    only = [torch.ones(96) for _ in range(4)]
    only[1] = neurons[1]
    for score in (only[0], only[2], only[3]):
        score[:2] = 0
    for at in (0, 2, 3):
        with torch.no_grad():
            teacher.bert.encoder.layer[at].output.dense.weight[:, :2] = 0
    plain = teacher(**BATCH).logits
    prune_ffn(teacher, only, 94)
    torch.testing.assert_close(teacher(**BATCH).logits, plain, rtol=1e-4, atol=1e-5)
    assert teacher.config.intermediate_size == 94


def test_a_model_with_fewer_heads_is_saved_and_loaded(teacher, tmp_path):
    prune_heads(teacher, [torch.tensor([4.0, 1, 3, 2])] * 4, 3)
    assert teacher.config.pruned_heads == {at: [1] for at in range(4)}
    teacher.save_pretrained(tmp_path / "pruned")
    again = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "pruned").eval()
    torch.testing.assert_close(again(**BATCH).logits, teacher(**BATCH).logits, rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="9 heads: give 1 to 4"):
        prune_heads(again, [], 9)


def test_a_pruned_vocabulary_gives_the_same_tokens_and_vectors(teacher, tokenizer, tmp_path):
    texts = ["turn on the light", "music?"]
    used = {index for text in texts for index in tokenizer(text)["input_ids"]}
    keep = needed_ids(tokenizer, used)
    pruned = pruned_tokenizer(tokenizer, keep)
    check_pruned(tokenizer, pruned, keep, texts)
    assert len(pruned) == len(keep) < len(tokenizer)
    assert pruned.tokenize("kitchen") == ["k", "##i", "##t", "##c", "##h", "##e", "##n"]
    before = teacher(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    prune_embeddings(teacher, keep)
    teacher.save_pretrained(tmp_path / "p")
    pruned.save_pretrained(tmp_path / "p")
    again = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "p").eval()
    reloaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "p")
    assert reloaded("Turn on the Light")["input_ids"] == pruned("turn on the light")["input_ids"]
    torch.testing.assert_close(again(**reloaded(texts, padding=True, return_tensors="pt")).logits, before)
    lines = (tmp_path / "p" / "vocab.txt").read_text().splitlines()
    assert lines == [tokenizer.convert_ids_to_tokens(int(index)) for index in keep]


WORDS = st.lists(st.lists(st.integers(10, 99), min_size=1, max_size=3), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.randoms(use_true_random=False))
def test_deleting_and_swapping_words(words, generator):
    shorter = augment.delete(words, generator)
    assert 1 <= len(shorter) <= len(words)
    left = iter(words)
    assert all(word in left for word in shorter)  # in order
    swapped = augment.swap(words, generator)
    assert sorted(swapped) == sorted(words)


def test_neighbours_are_near_words(tokenizer):
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(len(tokenizer), 16, generator=generator)
    near, word = tokenizer.convert_tokens_to_ids(["light", "lights"[:5]])
    other = tokenizer.convert_tokens_to_ids("music")
    table[other] = table[near] + 0.01
    replace = augment.Neighbours(table, tokenizer)
    assert replace._near(word)[0] == other
    barred = {*tokenizer.all_special_ids}
    assert not barred & {*replace._near(word)}


def test_changed_texts_keep_their_frame(teacher, tokenizer, tmp_path):
    pair = tokenizer("turn on the light", "zz stop")
    example = {
        "input_ids": np.array(pair["input_ids"], np.int32),
        "token_type_ids": np.array(pair["token_type_ids"], np.int8),
    }
    store = write_store(tmp_path / "s", iter([example] * 30))
    masked = transformers.BertForMaskedLM(teacher.config)
    changes = augment.changes_of(augment.KINDS, teacher, masked, tokenizer)
    made = list(augment.augmented(store, 4, changes, tokenizer, lambda tokens: {"n": np.array([tokens])}, seed=1))
    again = list(augment.augmented(store, 4, changes, tokenizer, lambda tokens: {"n": np.array([tokens])}, seed=1))
    assert len(made) == 120
    assert all(np.array_equal(one[name], other[name]) for one, other in zip(made, again, strict=True) for name in one)
    different = 0
    for features in made:
        tokens = tokenizer.convert_ids_to_tokens(features["input_ids"])
        assert [tokens[0], tokens[-1], tokens.count("[SEP]"), tokens.count("[CLS]")] == ["[CLS]", "[SEP]", 2, 1]
        cut = tokens.index("[SEP]") + 1
        assert features["token_type_ids"].tolist() == [0] * cut + [1] * (len(tokens) - cut)
        assert all(before in ("z", "##z") for before, at in itertools.pairwise(tokens) if at == "##z")
        assert features["n"][0] == len(tokens)
        different += features["input_ids"].tolist() != pair["input_ids"]
    assert different > 100


def test_unknown_changes(teacher, tokenizer):
    with pytest.raises(InputError, match="cannot be augmented by 'rhyme'"):
        augment.changes_of(["rhyme"], teacher, None, tokenizer)
    with pytest.raises(InputError, match="name it with --mlm"):
        augment.changes_of(["mlm"], teacher, None, tokenizer)


def test_an_encoder_is_cut_too(tmp_path):
    folder = save_encoder(tmp_path / "e", num_hidden_layers=3)
    model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False)
    student = make_student(model, Shape(2))
    assert student.pooler is None and len(student.encoder.layer) == 2
