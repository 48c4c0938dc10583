"""Write the tokenizer's Unicode tables from the behaviour of the pinned `tokenizers` package.

The reference mixes three versions of Unicode (categories, decompositions and letter case come from three libraries), so
no Unicode library reproduces it. This tool asks the reference itself, for every Unicode scalar value, and writes
`edgebert/native/text/unicode_tables.inc`.

    python tools/make_unicode_tables.py            # write the file
    python tools/make_unicode_tables.py --check    # exit 1 when the checked-in file differs
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tokenizers
from generated import write_or_check
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

REFERENCE_VERSION = "0.22.2"
OUTPUT = Path(__file__).resolve().parents[1] / "edgebert" / "native" / "text" / "unicode_tables.inc"

SCALARS = [cp for cp in range(0x110000) if not 0xD800 <= cp <= 0xDFFF]
CHUNK = 20_000
SEPARATOR = "1"  # a starter without case, accent or decomposition

LOW_BITS, MIDDLE_BITS = 4, 5  # give the smallest tables; the lookup in unicode.cpp has the same numbers
TABLE_STEP = 1 << (LOW_BITS + MIDDLE_BITS)

HANGUL = range(0xAC00, 0xAC00 + 11172)
PRIVATE_PLANES = 0xF0000  # planes 15 and 16: private use, handled without a table

REMOVED, SPACE, WHITESPACE, PUNCTUATION, CHINESE, NONSPACING, WORD, DECOMPOSES = (1 << bit for bit in range(8))


@dataclass
class Behaviour:
    """What the reference does with every scalar value, by code point."""

    flags: list[int] = field(default_factory=lambda: [0] * 0x110000)
    combining: dict[int, int] = field(default_factory=dict)  # canonical combining class, where not 0
    lower: dict[int, str] = field(default_factory=dict)
    decomposition: dict[int, str] = field(default_factory=dict)  # full NFD, without Hangul


def chunks(items: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut into pieces of `CHUNK`."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def map_all(function: Callable[[str], str]) -> dict[int, str]:
    """The image of every scalar value under a normalizer that acts on each one alone."""
    image: dict[int, str] = {ord(SEPARATOR): function(SEPARATOR)}
    scalars = [cp for cp in SCALARS if cp != ord(SEPARATOR)]
    for part in chunks(scalars):
        parts = function(SEPARATOR + SEPARATOR.join(map(chr, part)) + SEPARATOR).split(SEPARATOR)[1:-1]
        if len(parts) != len(part):
            raise SystemExit(f"the reference gave {len(parts)} images for {len(part)} scalars from U+{part[0]:04X}")
        image.update(zip(part, parts, strict=True))
    return image


def bert_normalizer(**on: bool) -> Callable[[str], str]:
    """A BertNormalizer with only the named steps on."""
    steps = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False, **on}
    normalize: Callable[[str], str] = normalizers.BertNormalizer(**steps).normalize_str
    return normalize


def observe_cleaning(behaviour: Behaviour) -> None:
    """Removed characters, characters that become a space, Chinese characters."""
    for cp, image in map_all(bert_normalizer(clean_text=True)).items():
        if image == "":
            behaviour.flags[cp] |= REMOVED
        elif image == " " and cp != 0x20:
            behaviour.flags[cp] |= SPACE
        elif image != chr(cp):
            raise SystemExit(f"clean_text maps U+{cp:04X} to {image!r}: this tool has no table for that")
    for cp, image in map_all(bert_normalizer(handle_chinese_chars=True)).items():
        if image == f" {chr(cp)} ":
            behaviour.flags[cp] |= CHINESE


def observe_letters(behaviour: Behaviour) -> None:
    """Lower case, canonical decomposition, nonspacing marks."""
    for cp, image in map_all(bert_normalizer(lowercase=True)).items():
        if image != chr(cp):
            behaviour.lower[cp] = image
    for cp, image in map_all(normalizers.NFD().normalize_str).items():
        if image != chr(cp) and cp not in HANGUL:
            behaviour.decomposition[cp] = image
            behaviour.flags[cp] |= DECOMPOSES
        elif cp in HANGUL and image != unicodedata.normalize("NFD", chr(cp)):
            raise SystemExit(f"U+{cp:04X} does not decompose like a Hangul syllable")
    for cp, image in map_all(bert_normalizer(strip_accents=True)).items():
        if image == "" and cp not in behaviour.decomposition:
            behaviour.flags[cp] |= NONSPACING


def observe_splits(behaviour: Behaviour) -> None:
    """White space and punctuation of the pre-tokenizer."""
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    for part in chunks(SCALARS):
        text = " ".join(f"a{chr(cp)}a" for cp in part)
        boundaries = {start for _, (start, _) in split(text)}
        covered = {index for _, (start, end) in split(text) for index in range(start, end)}
        for index, cp in enumerate(part):
            middle = 4 * index + 1
            if middle not in covered:
                behaviour.flags[cp] |= WHITESPACE
            elif middle in boundaries:
                behaviour.flags[cp] |= PUNCTUATION


def observe_word_characters(behaviour: Behaviour) -> None:
    r"""What counts as `\w` beside an added token with single_word."""
    tokenizer = Tokenizer(models.WordLevel({"u": 0}, unk_token="u"))
    tokenizer.add_tokens([AddedToken("X", single_word=True, normalized=False)])
    marker = tokenizer.token_to_id("X")
    for part in chunks(SCALARS):
        encoding = tokenizer.encode("".join(f" {chr(cp)}X" for cp in part))
        alone = {start for token, (start, _) in zip(encoding.ids, encoding.offsets, strict=True) if token == marker}
        for index, cp in enumerate(part):
            if 3 * index + 2 not in alone:
                behaviour.flags[cp] |= WORD


def observe_combining_classes(behaviour: Behaviour) -> None:
    """Canonical combining classes, found by the order into which NFD puts pairs of marks."""
    nfd = normalizers.NFD().normalize_str
    samples: dict[int, str] = {}
    for cp in range(0x300, 0x10000):
        value = unicodedata.combining(chr(cp))
        if value and cp not in behaviour.decomposition and value not in samples:
            samples[value] = chr(cp)
    ladder = [samples[value] for value in sorted(samples)]
    values = sorted(samples)
    lowest, highest = ladder[0], ladder[-1]
    for cp in SCALARS:
        mark = chr(cp)
        if cp in behaviour.decomposition or cp in HANGUL or not (cp >= 0x300 and cp < PRIVATE_PLANES):
            continue
        if nfd(f"a{mark}{lowest}") == f"a{mark}{lowest}" and nfd(f"a{highest}{mark}") == f"a{highest}{mark}":
            if mark not in (lowest, highest):
                continue
        smaller = sum(nfd(f"a{step}{mark}") == f"a{step}{mark}" for step in ladder)  # classes <= that of the mark
        behaviour.combining[cp] = values[smaller - 1]


def observe() -> Behaviour:
    """Ask the reference about every scalar value."""
    behaviour = Behaviour()
    observe_cleaning(behaviour)
    observe_letters(behaviour)
    observe_splits(behaviour)
    observe_word_characters(behaviour)
    observe_combining_classes(behaviour)
    return behaviour


def share_blocks(values: Sequence[int], shift: int) -> tuple[list[int], list[int]]:
    """Split into an index of blocks and the distinct blocks of `1 << shift` values."""
    blocks: dict[tuple[int, ...], int] = {}
    index = []
    for start in range(0, len(values), 1 << shift):
        block = tuple(values[start : start + (1 << shift)])
        index.append(blocks.setdefault(block, len(blocks)))
    return index, [value for block in blocks for value in block]


def three_stages(name: str, values: Sequence[int]) -> str:
    """Tables in which value `i` is found by the high, the middle and the low bits of `i`."""
    rows, low = share_blocks(values, LOW_BITS)
    high, middle = share_blocks(rows, MIDDLE_BITS)
    stages = (("High", high), ("Middle", middle), ("Low", low))
    return "".join(array(kind_for(table), f"k{name}{stage}", table) for stage, table in stages)


def kind_for(values: Sequence[int]) -> str:
    """The smallest unsigned type that holds the values."""
    return "std::uint8_t" if max(values) < 1 << 8 else "std::uint16_t"


def array(kind: str, name: str, values: Sequence[int]) -> str:
    """A C++ array definition, wrapped at 120 columns."""
    lines, line = [], "   "
    for value in values:
        item = f" {value},"
        if len(line) + len(item) > 120:
            lines.append(line)
            line = "   "
        line += item
    lines.append(line)
    return f"constexpr {kind} {name}[{len(values)}] = {{\n" + "\n".join(lines) + "\n};\n"


def property_tables(behaviour: Behaviour) -> str:
    """Flags, combining class and lower-case distance of every scalar below the private planes."""
    multiple = {cp: image for cp, image in behaviour.lower.items() if len(image) > 1}
    if list(multiple) != [0x130]:
        raise SystemExit(f"lower case gives several characters for {list(map(hex, multiple))}, expected U+0130 alone")
    records: dict[tuple[int, int, int], int] = {(0, 0, 0): 0}
    values = []
    for cp in range(PRIVATE_PLANES):
        distance = ord(behaviour.lower[cp][0]) - cp if cp in behaviour.lower else 0
        record = (behaviour.flags[cp], behaviour.combining.get(cp, 0), distance)
        values.append(records.setdefault(record, len(records)))
    end = max(cp for cp, value in enumerate(values) if value) + 1
    end += -end % TABLE_STEP
    body = "\n".join(f"    {{{flags}, {combining}, {distance}}}," for flags, combining, distance in records)
    return (
        f"constexpr std::uint32_t kPropertyEnd = {end};\n"
        + f"constexpr CharacterRecord kRecords[{len(records)}] = {{\n{body}\n}};\n"
        + three_stages("Property", values[:end])
    )


def decomposition_tables(behaviour: Behaviour) -> str:
    """Offsets into a pool of decompositions; a pool entry starts with its length."""
    pool: list[int] = [0]
    places: dict[str, int] = {}
    values = [0] * (max(behaviour.decomposition) + 1)
    for cp, image in behaviour.decomposition.items():
        if image not in places:
            places[image] = len(pool)
            pool += [len(image), *(unit for part in image for unit in utf16(part))]
        values[cp] = places[image]
    values += [0] * (-len(values) % TABLE_STEP)
    return (
        f"constexpr std::uint32_t kDecompositionEnd = {len(values)};\n"
        + three_stages("Decomposition", values)
        + array("std::uint16_t", "kDecompositionPool", pool)
    )


def utf16(character: str) -> list[int]:
    """The UTF-16 code units of a character."""
    data = character.encode("utf-16-le")
    return [int.from_bytes(data[place : place + 2], "little") for place in range(0, len(data), 2)]


def render(behaviour: Behaviour) -> str:
    """The text of the generated file."""
    for cp in range(PRIVATE_PLANES, 0x110000):
        expected = REMOVED if cp & 0xFFFF < 0xFFFE else 0
        if behaviour.flags[cp] != expected or cp in behaviour.lower or cp in behaviour.decomposition:
            raise SystemExit(f"U+{cp:04X} in a private plane does not behave as expected")
    head = (
        f"// Generated by tools/make_unicode_tables.py from tokenizers {REFERENCE_VERSION}. Do not edit.\n"
        "// clang-format off\n"
    )
    return head + property_tables(behaviour) + decomposition_tables(behaviour) + "// clang-format on\n"


def tables() -> str:
    """The text of the generated file, from the pinned reference alone."""
    if tokenizers.__version__ != REFERENCE_VERSION:
        sys.exit(f"tokenizers {tokenizers.__version__} is installed: pip install tokenizers=={REFERENCE_VERSION}")
    return render(observe())


if __name__ == "__main__":
    sys.exit(write_or_check(OUTPUT, tables, "Write the tokenizer's Unicode tables."))
