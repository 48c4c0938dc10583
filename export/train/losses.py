"""What a student learns from its teacher: one function a loss, each the mean over texts.

Token vectors are [texts, tokens, hidden], masks [texts, tokens] with 1 for tokens that are no padding.
"""

import math

import torch
from torch.nn import functional


def soft_labels(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return T^2 KL(teacher || student) of logits [rows, labels], softened by a temperature.

    Hinton et al., "Distilling the knowledge in a neural network", arXiv 1503.02531.
    """
    log_student = functional.log_softmax(student / temperature, dim=-1)
    log_teacher = functional.log_softmax(teacher / temperature, dim=-1)
    return temperature**2 * functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


def soft_several(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return T^2 KL(teacher || student) of logits that each stand for a yes or no, the mean over labels."""
    wanted = torch.sigmoid(teacher / temperature)
    cross = functional.binary_cross_entropy_with_logits(student / temperature, wanted)
    entropy = functional.binary_cross_entropy_with_logits(teacher / temperature, wanted)
    return temperature**2 * (cross - entropy)


def hidden_states(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of token vectors.

    Jiao et al., "TinyBERT", arXiv 1909.10351, equation 8; a student of another width is projected before.
    """
    kept = mask.bool()
    return functional.mse_loss(student[kept], teacher[kept])


def attention(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return KL(teacher || student) of attention probabilities [texts, heads, tokens, tokens], the mean over queries.

    Wang et al., "MiniLM", arXiv 2002.10957, equation 5. Where the numbers of heads differ, their means are compared.
    """
    if student.shape[1] != teacher.shape[1]:
        student, teacher = student.mean(dim=1, keepdim=True), teacher.mean(dim=1, keepdim=True)
    tiny = torch.finfo(student.dtype).tiny
    divergence = (teacher * (teacher.clamp_min(tiny).log() - student.clamp_min(tiny).log())).sum(dim=-1)
    return _over_queries(divergence, mask)


def relations(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor, heads: int) -> torch.Tensor:
    """Return KL of the relations of queries with queries, or of keys, or of values, in ``heads`` parts.

    Wang et al., "MiniLMv2", arXiv 2012.15828, equations 2 to 5: softmax(A A' / sqrt(d)) of each part. The widths of
    student and teacher may differ.
    """
    log_student, log_teacher = (_log_relations(values, mask, heads) for values in (student, teacher))
    open_keys = mask.bool()[:, None, None, :]
    difference = (log_teacher - log_student).masked_fill(~open_keys, 0.0)
    return _over_queries((log_teacher.exp() * difference).sum(dim=-1), mask)


def vectors_mse(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of text vectors [texts, hidden]."""
    return functional.mse_loss(student, teacher)


def vectors_cosine(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return 1 - cosine of text vectors [texts, hidden]."""
    return (1 - functional.cosine_similarity(student, teacher, dim=1)).mean()


def _log_relations(values: torch.Tensor, mask: torch.Tensor, heads: int) -> torch.Tensor:
    """Return log softmax(A A' / sqrt(d)), [texts, heads, tokens, tokens]; padding is no key."""
    texts, tokens, width = values.shape
    parts = values.view(texts, tokens, heads, width // heads).transpose(1, 2)
    scores = parts @ parts.transpose(2, 3) / math.sqrt(width // heads)
    return functional.log_softmax(scores.masked_fill(~mask.bool()[:, None, None, :], float("-inf")), dim=-1)


def _over_queries(divergence: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of [texts, heads, tokens] over heads and over tokens that are no padding."""
    return (divergence * mask[:, None, :]).sum() / (divergence.shape[1] * mask.sum())
