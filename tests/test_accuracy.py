"""The distance of answers from the baseline's."""

import dataclasses
import math

import numpy as np
import pytest

from edgebert.accuracy import Accuracy, compare
from edgebert.manifest import ClassifyHead, EmbedHead


def test_cosines():
    found = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    accuracy = compare(EmbedHead("mean", True), found, np.array([[2, 0], [1, 0], [1, 0]], np.float32))
    assert (accuracy.cosine_min, accuracy.cosine_mean) == pytest.approx((0, (1 + math.sqrt(0.5)) / 3))
    assert accuracy == dataclasses.replace(Accuracy(), cosine_min=accuracy.cosine_min, cosine_mean=accuracy.cosine_mean)


@pytest.mark.parametrize(
    ("problem", "labels", "share"),
    [
        ("single_label_classification", ("a", "b"), 0.5),
        ("multi_label_classification", ("a", "b"), 0),
        ("regression", ("a", "b"), None),
    ],
)
def test_agreement(problem, labels, share):
    found = np.array([[0.9, 0.6], [0.4, 0.6]], np.float32)
    accuracy = compare(ClassifyHead(labels, problem), found, np.array([[0.9, 0.4], [0.6, 0.4]], np.float32))
    assert accuracy.agreement == share
    assert accuracy.score_difference_mean == pytest.approx(0.15)
    assert accuracy.score_difference_max == pytest.approx(0.2)


def test_agreement_of_a_single_label_is_about_its_threshold():
    head = ClassifyHead(("spam",), "single_label_classification")
    accuracy = compare(head, np.array([[0.4], [0.9]], np.float32), np.array([[0.6], [0.8]], np.float32))
    assert accuracy.agreement == 0.5
