"""The plan from which a device with TensorRT builds its engines, ``plan.json``."""

from edgebert.bundle import BASELINE, HALF, MODEL
from edgebert.export.targets import Target
from edgebert.manifest import Shape
from edgebert.tensorrt.plan import BuildPlan, PlannedModel, Profile
from edgebert.tensorrt.version import Version

WORKSPACE_BYTES = 512 << 20  # TensorRT would take all memory, which on a Jetson is also the CPU's

_BUCKETS = (16, 32, 64, 128, 256, 512)  # tokens; TensorRT chooses its kernels for each
_WEAKLY_TYPED_MAJORS = (8, 10)
_STRONGLY_TYPED_MAJORS = (10, 11)
_BELOW_WEAKLY_TYPED, _BELOW_STRONGLY_TYPED = Version(11, 0), Version(12, 0)
_FLAGS = {"int8": ("int8", "fp16"), "fp16": ("fp16",)}  # INT8 without FP16 would leave the rest in FP32


def build_plan(target: Target, shape: Shape, precision: str, slim: bool) -> BuildPlan:
    """Return the plan of a bundle for a target with TensorRT.

    Args:
        target: of a Jetson.
        shape: of the model.
        precision: of the bundle: ``int8`` or ``fp16``.
        slim: whether the FP16 graph that an INT8 one is compared with is left out.
    """
    if target.platform is None:
        raise ValueError(f"{target.name} has no TensorRT")
    half, oldest = target.dialect.half, min(target.platform.releases)
    graphs = {precision: MODEL}
    if precision == "int8" and not slim:
        graphs["fp16"] = HALF if half else BASELINE
    return BuildPlan(
        dialect=target.dialect.name,
        opset=target.dialect.opset,
        oldest=Version(*oldest.version),
        below=_BELOW_STRONGLY_TYPED if half else _BELOW_WEAKLY_TYPED,
        models={name: PlannedModel(file, _flags(name, half)) for name, file in graphs.items()},
        profiles=tuple(Profile(1, tokens) for tokens in buckets(shape.max_tokens)),
        workspace_bytes=WORKSPACE_BYTES,
    )


def buckets(max_tokens: int) -> list[int]:
    """Return the lengths in tokens that get an engine of their own, the longest last."""
    return [*(tokens for tokens in _BUCKETS if tokens < max_tokens), max_tokens]


def _flags(precision: str, half: bool) -> dict[int, tuple[str, ...]]:
    """Return the builder's flags by major version of TensorRT."""
    if half:
        return dict.fromkeys(_STRONGLY_TYPED_MAJORS, ("strongly_typed",))
    return dict.fromkeys(_WEAKLY_TYPED_MAJORS, _FLAGS[precision])
