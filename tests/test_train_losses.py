"""Losses of distillation against their formulas, written out with loops in float64."""

import math

import numpy as np
import pytest
import torch

from edgebert.export.train import losses

LENGTHS = (3, 5)
MASK = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])


def random(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator), torch.randn(*shape, generator=generator)


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def kl(teacher: np.ndarray, student: np.ndarray) -> float:
    return float(sum(p * math.log(p / q) for p, q in zip(teacher, student, strict=True)))


def test_soft_labels():
    student, teacher = random(4, 3)
    pairs = zip(teacher.double().numpy(), student.double().numpy(), strict=True)
    expected = np.mean([4 * kl(softmax(t / 2), softmax(s / 2)) for t, s in pairs])
    assert float(losses.soft_labels(student, teacher, 2.0)) == pytest.approx(expected, rel=1e-5)


def test_soft_several():
    student, teacher = random(4, 3)
    total = 0.0
    for s, t in zip(student.double().flatten().tolist(), teacher.double().flatten().tolist(), strict=True):
        p, q = 1 / (1 + math.exp(-t / 2)), 1 / (1 + math.exp(-s / 2))
        total += 4 * kl(np.array([p, 1 - p]), np.array([q, 1 - q]))
    assert float(losses.soft_several(student, teacher, 2.0)) == pytest.approx(total / 12, rel=1e-4)


def test_hidden_states_leave_padding_out():
    student, teacher = random(2, 5, 4)
    squares = [((student[at, :n] - teacher[at, :n]) ** 2).numpy() for at, n in enumerate(LENGTHS)]
    expected = np.concatenate(squares).mean()
    assert float(losses.hidden_states(student, teacher, MASK)) == pytest.approx(expected, rel=1e-5)


def test_attention():
    scores = [each.masked_fill(MASK[:, None, None, :] == 0, -1e9).softmax(-1) for each in random(2, 2, 5, 5)]
    student, teacher = (each.double().numpy() for each in scores)
    expected = np.mean(
        [
            kl(teacher[b, h, q, :n], student[b, h, q, :n])
            for b, n in enumerate(LENGTHS)
            for h in range(2)
            for q in range(n)
        ]
    )
    assert float(losses.attention(scores[0], scores[1], MASK)) == pytest.approx(expected, rel=1e-5)
    fewer = scores[0].mean(dim=1, keepdim=True)
    assert float(losses.attention(fewer, scores[0], MASK)) == pytest.approx(0, abs=1e-6)


def test_relations_of_different_widths():
    student, teacher = random(2, 5, 4)[0], random(2, 5, 8)[0]

    def relation(values: np.ndarray, head: int, query: int) -> np.ndarray:
        width = values.shape[1] // 2
        part = values[:, head * width : (head + 1) * width]
        return softmax(part @ part[query] / math.sqrt(width))

    s, t = student.double().numpy(), teacher.double().numpy()
    expected = np.mean(
        [
            kl(relation(t[b, :n], h, q), relation(s[b, :n], h, q))
            for b, n in enumerate(LENGTHS)
            for h in range(2)
            for q in range(n)
        ]
    )
    assert float(losses.relations(student, teacher, MASK, 2)) == pytest.approx(expected, rel=1e-4)


def test_vectors():
    student, teacher = random(3, 4)
    a, b = student.double().numpy(), teacher.double().numpy()
    assert float(losses.vectors_mse(student, teacher)) == pytest.approx(((a - b) ** 2).mean(), rel=1e-5)
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert float(losses.vectors_cosine(student, teacher)) == pytest.approx(1 - cosines.mean(), rel=1e-5)


@pytest.mark.parametrize("padding", [0.0, 7.0])
def test_what_stands_in_padding_changes_nothing(padding):
    student, teacher = random(2, 5, 4)
    filled = [each.masked_fill(MASK[:, :, None] == 0, padding) for each in (student, teacher)]
    for loss in (losses.hidden_states, lambda *values: losses.relations(*values, 2)):
        assert float(loss(*filled, MASK)) == pytest.approx(float(loss(student, teacher, MASK)), rel=1e-6)


def test_gradients_are_finite_and_zero_where_student_and_teacher_agree():
    values = random(2, 5, 4)[0].requires_grad_()
    total = losses.relations(values, values.detach(), MASK, 2) + losses.hidden_states(values, values.detach(), MASK)
    total.backward()
    assert values.grad is not None
    assert torch.isfinite(values.grad).all() and float(values.grad.abs().max()) < 1e-6
