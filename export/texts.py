"""The texts that an export learns from and is judged on."""

import dataclasses
import hashlib

from edgebert.calibration import BUILTIN, SAMPLES, draw_texts, open_source
from edgebert.golden import Text
from edgebert.texts import parted_for, records_for

_HELD_OUT = 64  # with fewer texts a comparison on held-out ones says little, so all of them serve both ends

# what a device meets: short, long, accents, scripts, emoji, special tokens in the text, nothing at all
GOLDEN_TEXTS: tuple[str, ...] = (
    "turn on the light in the kitchen",
    "What's the weather like tomorrow?",
    "The parcel arrived two days late and the box was open, but nothing was missing.",
    "Émile's café in São Paulo charges 12.50 € for a naïve crème brûlée",
    "Die Straße ist wegen Bauarbeiten gesperrt.",
    "今天天气怎么样",
    "電源を切ってください",
    "안녕하세요, 반갑습니다",
    "включи свет на кухне",
    "مرحبا بالعالم",
    "नमस्ते दुनिया",
    "good job 👍🏽 see you at 5 pm 🎉",
    "foo[MASK]bar [SEP] [unused1]",
    "e\u0301a\u0323\u0302 soft\u00adhyphen zero\u200bwidth",
    "ERROR 0x80070057: E_INVALIDARG at /dev/ttyUSB0 (retry=3)",
    "x",
    "",
    " ".join(["a sentence that is repeated until it is longer than most of what a device is ever given,"] * 24),
)


@dataclasses.dataclass(frozen=True)
class ExportTexts:
    """Texts for smoothing and for the comparison with FP32; the two do not overlap where ``held_out``."""

    source: str  # "built-in" or the name of the file
    smoothing: tuple[Text, ...]
    comparison: tuple[Text, ...]
    held_out: bool

    @property
    def sha256(self) -> str:
        """Hash of all texts in order, for the provenance."""
        joined = "\n".join(repr(text) for text in (*self.smoothing, "", *self.comparison))
        return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()


def for_task(texts: ExportTexts, task: str) -> ExportTexts:
    """Return the texts as a task takes them, see `edgebert.texts.records_for`; the ends do not overlap after it too."""
    smoothing, others = parted_for(task, texts.smoothing, texts.comparison)
    if others and texts.held_out:
        return ExportTexts(texts.source, smoothing, others, held_out=True)
    return ExportTexts(texts.source, smoothing, records_for(task, texts.comparison), held_out=False)


def golden_texts(task: str) -> tuple[Text, ...]:
    """Return the texts of the golden answers."""
    return records_for(task, GOLDEN_TEXTS)


def read_export_texts(calibration: str | None, column: str | None) -> ExportTexts:
    """Draw texts from a source of `edgebert.calibration.open_source`; None: the built-in ones.

    Half of them go to each end, or all of them to both where they are few.

    Raises:
        InputError: the file cannot be read or holds no text.
    """
    drawn = draw_texts(*open_source(calibration or BUILTIN, column), SAMPLES, SAMPLES)
    texts = drawn.chosen + drawn.held_out
    if len(texts) < _HELD_OUT:
        return ExportTexts(drawn.source, texts, texts, held_out=False)
    return ExportTexts(drawn.source, drawn.chosen, drawn.held_out, held_out=True)
