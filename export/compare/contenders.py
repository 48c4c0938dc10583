"""What is compared: each row in FP32 and in INT8, opened when it is needed."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from edgebert.bundle import Bundle, model_file, open_bundle
from edgebert.export.compare.settings import STATIC, TEACHER, Settings
from edgebert.export.compare.static import Labels, WordVectors, static_bytes, static_model
from edgebert.loader import load_bundle
from edgebert.models import Model


@dataclasses.dataclass(frozen=True)
class Form:
    """A model in one precision: what opens it, on which engine it runs, and the bytes of its file."""

    open: Callable[[], Model]
    engine: str
    model_bytes: int


@dataclasses.dataclass(frozen=True)
class Contender:
    """A row before it is measured.

    Attributes:
        name: of the row.
        settings: of its distillation that are its own; empty for what is no student.
        bundle: name of its folder in the output; None where it has none.
        layers: of its encoder.
        width: of its vectors.
        parameters: numbers that it was trained to.
        fp32: the model in FP32.
        int8: the model in INT8.
    """

    name: str
    settings: Settings
    bundle: str | None
    layers: int
    width: int
    parameters: int
    fp32: Form
    int8: Form


def of_bundle(name: str, settings: Settings, folder: Path, parameters: int, threads: int) -> Contender:
    """Return the contender that a bundle is; FP32 is its baseline.

    Raises:
        EdgebertError: the bundle cannot be opened or run here.
    """
    bundle = open_bundle(folder)
    shape = bundle.manifest.shape
    fp32, int8 = (_form(bundle, threads, baseline) for baseline in (True, False))
    return Contender(name, settings, folder.name, shape.layers, shape.hidden, parameters, fp32, int8)


def _form(bundle: Bundle, threads: int, baseline: bool) -> Form:
    def opened() -> Model:
        return load_bundle(bundle, None, threads, baseline)

    engine = opened().session.engine
    return Form(opened, engine, bundle.manifest.files[model_file(bundle.manifest, engine, baseline)].bytes)


def of_table(teacher: Bundle, vectors: WordVectors, labels: Labels | None, threads: int) -> Contender:
    """Return the contender that the teacher's word vectors are by themselves."""

    def form(table: WordVectors) -> Form:
        return Form(
            lambda: static_model(teacher, table, labels, threads), "numpy", static_bytes(teacher, table, labels)
        )

    parameters = vectors.rows.size + (0 if labels is None else labels.linear.weight.size + labels.linear.bias.size)
    fp32, int8 = form(vectors), form(vectors.quantized())
    return Contender(STATIC, {}, None, 0, vectors.rows.shape[1], int(parameters), fp32, int8)


def of_teacher(folder: Path, parameters: int, threads: int) -> Contender:
    """Return the contender that the teacher's bundle is."""
    return of_bundle(TEACHER, {}, folder, parameters, threads)
