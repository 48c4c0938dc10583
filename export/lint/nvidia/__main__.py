"""Parse an ONNX file with NVIDIA's parser and build an engine: a job as JSON from stdin, the answer as JSON on stdout.

It imports nothing of edgebert. `edgebert.export.lint.nvidia` runs this folder by its path.
"""

import json
import os
import sys
from typing import Any, TypedDict


class Job(TypedDict):
    """What to parse; an engine is built only if ``build``, for 1 text of 1 to ``tokens`` tokens."""

    path: str
    build: bool
    tokens: int


def _logger(trt: Any, lines: list[str]) -> Any:  # noqa: ANN401  (tensorrt_rtx has no types)
    """Return a logger that keeps errors. A process has one: later ones are ignored by the library."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def log(self, severity: Any, message: str) -> None:  # noqa: ANN401
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                lines.append(message)

    return Logger()


def _profile(trt: Any, builder: Any, network: Any, tokens: int) -> Any:  # noqa: ANN401
    """Return a profile: every dynamic first axis is 1, every other from 1 to ``tokens``."""
    profile = builder.create_optimization_profile()
    for at in range(network.num_inputs):
        tensor = network.get_input(at)
        shapes = []
        for size in (1, tokens, tokens):
            dynamic = (1, *[size] * (len(tensor.shape) - 1))
            shapes.append([new if old < 0 else old for old, new in zip(tensor.shape, dynamic)])  # noqa: B905
        profile.set_shape(tensor.name, *shapes)
    return profile


def _int8_tensors(trt: Any, network: Any) -> int:  # noqa: ANN401
    layers = (network.get_layer(at) for at in range(network.num_layers))
    return sum(layer.get_output(out).dtype == trt.int8 for layer in layers for out in range(layer.num_outputs))


def _first(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "no reason given"


def answer(job: Job) -> dict[str, object]:
    """Parse, and build where that is asked for."""
    import tensorrt_rtx as trt

    lines: list[str] = []
    logger = _logger(trt, lines)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    parsed = parser.parse_from_file(job["path"])
    errors = []
    for at in range(parser.num_errors):
        error = parser.get_error(at)
        errors.append({"node": error.node_name(), "operator": error.node_operator(), "message": _first(error.desc())})
    found: dict[str, object] = {"version": trt.__version__, "errors": errors, "engine_bytes": None}
    if not parsed:
        found["errors"] = errors or [{"node": "", "operator": "", "message": _first(lines[0] if lines else "")}]
        return found
    found |= {"layers": network.num_layers, "int8_tensors": _int8_tensors(trt, network)}
    if job["build"]:
        config = builder.create_builder_config()
        config.add_optimization_profile(_profile(trt, builder, network, job["tokens"]))
        lines.clear()
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            found["errors"] = [{"node": "", "operator": "builder", "message": _first(lines[-1] if lines else "")}]
        else:
            found["engine_bytes"] = plan.nbytes
    return found


def main() -> None:
    """Answer one job, then leave without the library's own clean-up, which is not safe where there is no driver."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what the library prints must not mix with the answer
    try:
        document: dict[str, object] = {"found": answer(json.load(sys.stdin))}
    except Exception as error:
        document = {"error": f"{type(error).__name__}: {error}"}
    json.dump(document, answers)
    answers.close()
    os._exit(0)


if __name__ == "__main__":
    main()
