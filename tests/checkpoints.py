"""Checkpoints of tiny random BERTs, as transformers and sentence-transformers write them."""

import json
from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertTokenizerFast,
)

WORDS = "turn on off the light play stop music volume up down what is battery please now in kitchen".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *LETTERS,
    *("##" + letter for letter in LETTERS),
    *",.!?'",
    *WORDS,
]
SCRIPTS = [*VOCABULARY, *"中文国语日本👍🎉€", "##é", "##ß"]  # with characters that are more than one byte


def _config(**settings: object) -> BertConfig:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    defaults = {"vocab_size": len(VOCABULARY), "max_position_embeddings": 64, **sizes}
    return BertConfig(**{**defaults, **settings})


def _save(folder: Path, model: torch.nn.Module, vocabulary: list[str] = VOCABULARY, lowercase: bool = True) -> Path:
    folder.mkdir(parents=True)
    model.eval().save_pretrained(folder)
    path = folder / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    BertTokenizerFast(str(path), do_lower_case=lowercase, model_max_length=64).save_pretrained(folder)
    return folder


def save_encoder(
    folder: Path,
    modules: dict[str, dict[str, object]] | None = None,
    vocabulary: list[str] = VOCABULARY,
    **settings: object,
) -> Path:
    """Write a BertModel; ``modules`` are the sentence-transformers modules after the first, with their settings."""
    torch.manual_seed(0)
    _save(folder, BertModel(_config(**{"vocab_size": len(vocabulary), **settings})), vocabulary)
    if modules is not None:
        kinds = ["Transformer", *modules]
        paths = ["", *(f"{at}_{kind}" for at, kind in enumerate(modules, 1))]
        document = [
            {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for at, (kind, path) in enumerate(zip(kinds, paths, strict=True))
        ]
        (folder / "modules.json").write_text(json.dumps(document))
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False}))
        for path, content in zip(paths[1:], modules.values(), strict=True):
            (folder / path).mkdir()
            (folder / path / "config.json").write_text(json.dumps(content))
    return folder


def pooling(mode: str) -> dict[str, dict[str, object]]:
    """The module of a pooling ("mean_tokens", "cls_token", "max_tokens", ...), with all other modes off."""
    modes = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    return {"Pooling": {"word_embedding_dimension": 32, **{f"pooling_mode_{each}": each == mode for each in modes}}}


def save_classifier(folder: Path, labels: list[str], problem_type: str | None = None, **settings: object) -> Path:
    """Write a BertForSequenceClassification with logits that are far from zero."""
    torch.manual_seed(0)
    names = dict(enumerate(labels))
    config = _config(
        num_labels=len(labels),
        id2label=names,
        label2id={label: at for at, label in names.items()},
        problem_type=problem_type,
        **settings,
    )
    model = BertForSequenceClassification(config)
    torch.nn.init.normal_(model.classifier.weight, std=1.0)
    return _save(folder, model)


def save_tagger(folder: Path, labels: list[str], lowercase: bool = True, **settings: object) -> Path:
    """Write a BertForTokenClassification with the vocabulary `SCRIPTS` and logits that are far from zero."""
    torch.manual_seed(0)
    names = dict(enumerate(labels))
    config = _config(
        vocab_size=len(SCRIPTS),
        num_labels=len(labels),
        id2label=names,
        label2id={label: at for at, label in names.items()},
        **settings,
    )
    model = BertForTokenClassification(config)
    torch.nn.init.normal_(model.classifier.weight, std=0.5)
    return _save(folder, model, SCRIPTS, lowercase)


def save_answerer(folder: Path, **settings: object) -> Path:
    """Write a BertForQuestionAnswering with the vocabulary `SCRIPTS` and logits that are far from zero."""
    torch.manual_seed(0)
    model = BertForQuestionAnswering(_config(vocab_size=len(SCRIPTS), **settings))
    torch.nn.init.normal_(model.qa_outputs.weight, std=0.5)
    return _save(folder, model, SCRIPTS)
