"""How a sentence-transformers folder wants its vectors made."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from edgebert.errors import CheckpointError
from edgebert.manifest import EmbedHead

_POOLING = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}


@dataclasses.dataclass(frozen=True)
class SentenceSettings:
    """Pooling and limits of an embedding checkpoint."""

    head: EmbedHead
    max_tokens: int | None  # None: the model's own limit
    lowercase: bool  # text is lower-cased before the tokenizer sees it


DEFAULT = SentenceSettings(EmbedHead("mean", normalize=False), None, lowercase=False)


def read_sentence_settings(folder: Path) -> SentenceSettings:
    """Read ``modules.json`` and what it names; a folder without it is a plain BERT with mean pooling.

    Raises:
        CheckpointError: a module or a pooling that edgebert does not support, named, or a broken file.
    """
    if not (folder / "modules.json").is_file():
        return DEFAULT
    modules = _read(folder / "modules.json", list)
    kinds = [str(module.get("type", "")).rsplit(".", 1)[-1] for module in modules]
    _check_modules(folder, kinds)
    _check_prompt(folder)
    pooling = "mean"
    if "Pooling" in kinds:
        pooling = _pooling(folder / modules[kinds.index("Pooling")]["path"] / "config.json")
    limits = folder / modules[0].get("path", "") / "sentence_bert_config.json"
    settings = _read(limits, dict) if limits.is_file() else {}
    return SentenceSettings(
        EmbedHead(pooling, normalize="Normalize" in kinds),
        settings.get("max_seq_length"),
        lowercase=bool(settings.get("do_lower_case", False)),
    )


def _check_modules(folder: Path, kinds: list[str]) -> None:
    supported = ("Transformer", "Pooling", "Normalize")
    for kind in kinds:
        if kind not in supported:
            raise CheckpointError(
                f"{folder} has the sentence-transformers module {kind!r}, which edgebert does not support: "
                f"it supports {', '.join(supported)}"
            )
    if kinds != [kind for kind in supported if kind in kinds] or kinds[:1] != ["Transformer"]:
        raise CheckpointError(
            f"{folder} has the modules {', '.join(kinds)}: edgebert runs {', '.join(supported)} in order"
        )


def _check_prompt(folder: Path) -> None:
    path = folder / "config_sentence_transformers.json"
    default = _read(path, dict).get("default_prompt_name") if path.is_file() else None
    if default:
        raise CheckpointError(
            f"{path} puts the prompt {default!r} before every text: edgebert does not support prompts"
        )


def _pooling(path: Path) -> str:
    settings = _read(path, dict)
    if isinstance(settings.get("pooling_mode"), str):  # the short form of newer releases
        wanted = [f"pooling_mode_{settings['pooling_mode']}"]
        modes = [mode for name, mode in _POOLING.items() if name.startswith(wanted[0])]
    else:
        wanted = [name for name, on in settings.items() if name.startswith("pooling_mode_") and on]
        modes = [_POOLING[name] for name in wanted if name in _POOLING]
    if len(wanted) != 1 or len(modes) != 1:
        raise CheckpointError(
            f"{path} asks for {' and '.join(wanted) or 'no pooling'}: edgebert supports mean, cls or max"
        )
    return modes[0]


def _read(path: Path, kind: type) -> Any:  # noqa: ANN401  (JSON)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, kind):
        raise CheckpointError(f"{path} must hold a JSON {kind.__name__}, not {type(document).__name__}")
    return document
