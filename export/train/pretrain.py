"""Pre-train a BERT on plain text, from scratch or from a checkpoint, and write a checkpoint."""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch.nn import functional

from edgebert.errors import CheckpointError, InputError
from edgebert.export.checkpoint import load_tokenizer, resolve
from edgebert.export.train.batches import Batch, collate
from edgebert.export.train.corpus import corpus_examples, pairs_of, train_vocabulary
from edgebert.export.train.loop import Loop, Metrics, make_accelerator
from edgebert.export.train.masking import IGNORED, Masker
from edgebert.export.train.predict import predict
from edgebert.export.train.report import Report, Run, write_report
from edgebert.export.train.settings import Training
from edgebert.export.train.store import Array, Store, write_store
from edgebert.export.train.tasks.models import inputs_of, load_model
from edgebert.export.train.watch import Silent, Watcher
from edgebert.export.train.workspace import check_output, fingerprint, open_workspace, to_json, workspace_of
from edgebert.files import new_folder

_HELD_OUT = 50  # every so many-th line is held out
_TOKENS = 128


@dataclasses.dataclass(frozen=True)
class Pretrain:
    """What to pre-train on what.

    Attributes:
        corpus: a text file, a sentence a line, an empty line between documents.
        output: folder of the checkpoint to write.
        model: checkpoint to go on from; None starts from scratch and needs ``config`` and a vocabulary.
        config: config.json of the model to make; the size of its vocabulary is that of the tokenizer.
        vocabulary: a vocab.txt.
        train_vocabulary: learn so many tokens from the corpus in its place.
        lowercase: whether the tokenizer of a vocabulary lower-cases.
        next_sentence: also learn whether a line follows another.
        resume: go on where such a run was cut off.
        force: replace ``output`` where it exists.
        training: how to train.
    """

    corpus: Path
    output: Path
    model: str | None = None
    config: Path | None = None
    vocabulary: Path | None = None
    train_vocabulary: int | None = None
    lowercase: bool = True
    next_sentence: bool = False
    resume: bool = False
    force: bool = False
    training: Training = dataclasses.field(default_factory=lambda: Training(learning_rate=5e-4))

    def __post_init__(self) -> None:
        sources = [self.model, self.vocabulary, self.train_vocabulary]
        if sum(source is not None for source in sources) != 1:
            raise InputError("name one of model, vocabulary and train_vocabulary: the tokenizer comes from it")
        if (self.model is None) != (self.config is not None):
            raise InputError("a model from scratch needs its config, and one that goes on has its own")
        if self.train_vocabulary is not None and self.train_vocabulary < 10:
            raise InputError(f"train_vocabulary is {self.train_vocabulary}: give at least 10")
        check_output(self.output, self.force)


class MaskedWords(torch.nn.Module):
    """The loss of masked words, and of next sentences where the model has a head for them."""

    metric = "mlm_accuracy"

    def __init__(self, model: Any, masker: Masker) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        self._masker = masker

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the mean cross-entropy of the words that were masked."""
        masked, labels = self._masker(batch["input_ids"], batch["begins_word"])
        chosen = labels != IGNORED
        words, follows = self._logits(batch, masked, chosen)
        loss = functional.cross_entropy(words, labels[chosen]) if len(words) else words.sum() * 0
        return loss if follows is None else loss + functional.cross_entropy(follows, batch["next"][:, 0])

    def predict(self, batch: Batch) -> list[Array]:
        """Return of each text: masked words, those found, whether the next sentence was judged right; int64 [3]."""
        # the same masks every time: a batch of held-out texts is always the same batch
        generator = torch.Generator().manual_seed(int(batch["input_ids"].sum()))
        masked, labels = self._masker(batch["input_ids"], batch["begins_word"], generator)
        chosen = labels != IGNORED
        words, follows = self._logits(batch, masked, chosen)
        right = torch.zeros_like(chosen)
        right[chosen] = words.argmax(dim=-1) == labels[chosen]
        judged = torch.zeros(len(labels)) if follows is None else (follows.argmax(dim=-1) == batch["next"][:, 0])
        columns = [chosen.sum(dim=1), right.sum(dim=1), judged.long().to(right.device)]
        return list(torch.stack(columns, dim=1).cpu().numpy())

    def _logits(
        self, batch: Batch, masked: torch.Tensor, chosen: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return logits of the chosen tokens, [chosen, vocabulary], and of next sentences, [texts, 2].

        The other tokens, six in seven, are not multiplied with the vocabulary: it is larger than a small encoder.
        """
        output = self.model.bert(**{**inputs_of(batch), "input_ids": masked})
        words = self.model.cls.predictions(output.last_hidden_state[chosen])
        follows = getattr(self.model.cls, "seq_relationship", None)
        return words, None if follows is None else follows(output.pooler_output)


def pretrain(settings: Pretrain, watcher: Watcher | None = None) -> Report:
    """Pre-train, write the checkpoint, and return the report that lies in it.

    Raises:
        InputError: a setting, the corpus or the output cannot be used.
        CheckpointError: the checkpoint or the configuration cannot be used.
    """
    watcher = watcher or Silent()
    accelerator = make_accelerator(settings.training.precision)
    work = workspace_of(settings.output)
    watcher.stage("reading the corpus")
    tokenizer = _tokenizer(settings)
    torch.manual_seed(settings.training.seed)
    model = _model(settings, tokenizer)
    if accelerator.is_main_process:
        open_workspace(settings.output, _decisive(settings), settings.resume)
        _encode(settings, tokenizer, min(settings.training.max_tokens or _TOKENS, model.config.max_position_embeddings))
        (work / "states").mkdir(exist_ok=True)
    accelerator.wait_for_everyone()
    train, dev, pad_id = Store(work / "train"), Store(work / "dev"), tokenizer.pad_token_id
    objective = MaskedWords(model, Masker(tokenizer.mask_token_id, len(tokenizer)))

    def evaluate() -> Metrics:
        return scores(predict(accelerator, objective.predict, dev, pad_id), settings.next_sentence)

    watcher.stage("training")
    loop = Loop(
        accelerator,
        objective,
        model.config.num_hidden_layers,
        train.lengths(),
        lambda indices: collate(train, indices, pad_id),
        settings.training,
        objective.metric,
        evaluate,
        work / "states",
        watcher,
    )
    history = loop.run(settings.resume)
    objective.eval()
    run = Run(settings.training.seed, history, {**evaluate(), **guesses(train, dev)})
    report = Report(to_json(settings), objective.metric, len(train), len(dev), (run,), ())
    if accelerator.is_main_process:
        watcher.stage("writing the checkpoint")
        with new_folder(settings.output, replace=settings.force) as draft:
            model.cpu().save_pretrained(draft)
            tokenizer.save_pretrained(draft)
            write_report(report, draft)
        shutil.rmtree(work)
    accelerator.wait_for_everyone()
    return report


def scores(found: Sequence[Array], next_sentence: bool) -> dict[str, float]:
    """Return the share of masked words that were found, and of next sentences that were judged right."""
    totals = np.stack(found).sum(axis=0)
    metrics = {"mlm_accuracy": float(totals[1] / max(1, totals[0]))}
    return {**metrics, "next_accuracy": float(totals[2] / len(found))} if next_sentence else metrics


def guesses(train: Store, dev: Store) -> dict[str, float]:
    """Return what needs no model: always guess the most frequent token, or guess tokens as often as they occur."""
    counts = [np.bincount(store.all("input_ids")[store.all("begins_word") > 0], minlength=1) for store in (train, dev)]
    size = max(map(len, counts))
    shares = [np.pad(each, (0, size - len(each))) / max(1, each.sum()) for each in counts]
    return {"most_frequent_token": float(shares[1][shares[0].argmax()]), "unigram_guess": float(shares[0] @ shares[1])}


def _tokenizer(settings: Pretrain) -> Any:  # noqa: ANN401
    if settings.train_vocabulary is not None:
        return train_vocabulary(settings.corpus, settings.train_vocabulary, settings.lowercase)
    if settings.model is not None:
        return load_tokenizer(resolve(settings.model))
    made: Any = transformers.BertTokenizerFast
    try:
        return made(vocab_file=str(settings.vocabulary), do_lower_case=settings.lowercase)
    except Exception as error:  # the Rust parser raises plain Exception
        raise InputError(f"the vocabulary {settings.vocabulary} cannot be read: {error}") from error


def _model(settings: Pretrain, tokenizer: Any) -> Any:  # noqa: ANN401
    kind = "BertForPreTraining" if settings.next_sentence else "BertForMaskedLM"
    if settings.model is not None:
        return load_model(kind, resolve(settings.model))
    try:
        config: Any = transformers.BertConfig.from_json_file(str(settings.config))
        config.vocab_size, config.pad_token_id = len(tokenizer), tokenizer.pad_token_id
        return getattr(transformers, kind)(config)
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{settings.config} is no configuration of a BERT: {error}") from error


def _encode(settings: Pretrain, tokenizer: Any, max_tokens: int) -> None:  # noqa: ANN401
    work, seed = workspace_of(settings.output), settings.training.seed
    for name, held_out in (("train", False), ("dev", True)):
        if not (work / name).exists():
            pairs = pairs_of(settings.corpus, settings.next_sentence, seed)
            try:
                write_store(work / name, corpus_examples(pairs, tokenizer, max_tokens, held_out, _HELD_OUT))
            except InputError as error:
                if "no example" in str(error):
                    raise InputError(f"{settings.corpus} has too few lines: give at least {_HELD_OUT}") from error
                raise


def _decisive(settings: Pretrain) -> Mapping[str, object]:
    decisive = to_json(settings)
    for name in ("output", "resume", "force"):
        del decisive[name]
    files = [settings.corpus, settings.config, settings.vocabulary, settings.model]
    decisive["sources"] = [fingerprint(None if source is None else str(source)) for source in files]
    return decisive
