"""The line with which NVIDIA's own tool builds an engine, for devices whose Python edgebert does not run on."""

import shlex

from edgebert.bundle import Bundle
from edgebert.errors import InputError
from edgebert.tensorrt.library import check_version
from edgebert.tensorrt.plan import BuildPlan, read_plan
from edgebert.tensorrt.version import parse_version

TRTEXEC = "/usr/src/tensorrt/bin/trtexec"  # where every JetPack has it
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_SWITCHES = {"int8": "--int8", "fp16": "--fp16", "strongly_typed": "--stronglyTyped"}


def trtexec_lines(bundle: Bundle, version: str) -> tuple[str, ...]:
    """Return one command for each model of a bundle's plan.

    The engine takes one text of any length up to the longest, and is tuned for the middle one of the plan's lengths:
    trtexec of TensorRT 8 knows one profile.

    Args:
        bundle: a bundle for TensorRT.
        version: of the device's TensorRT, for example "8.5".

    Raises:
        InputError: it is no version.
        EngineUnavailableError: the bundle is not for this version.
        BundleError: the bundle has no build plan, or it is damaged.
    """
    found = parse_version(version)
    if found is None:
        raise InputError(f"{version!r} is not a version of TensorRT: give one such as 8.5")
    plan = read_plan(bundle)
    check_version(version, plan)
    return tuple(_line(bundle, plan, precision, found.major) for precision in plan.models)


def _line(bundle: Bundle, plan: BuildPlan, precision: str, major: int) -> str:
    model = plan.models[precision]
    tokens = [profile.tokens for profile in plan.profiles]
    shapes = {"min": 1, "opt": tokens[len(tokens) // 2], "max": tokens[-1]}
    words = [
        TRTEXEC,
        f"--onnx={bundle.path / model.file}",
        f"--saveEngine={bundle.manifest.name}.{precision}.engine",
        # TensorRT 11 is always strongly typed and has no switch for it
        *(_SWITCHES[flag] for flag in model.flags[major] if major < 11),
        *(f"--{kind}Shapes=" + ",".join(f"{name}:1x{length}" for name in _INPUTS) for kind, length in shapes.items()),
        f"--memPoolSize=workspace:{max(1, plan.workspace_bytes >> 20)}",
    ]
    return shlex.join(words)
