"""What a tokenizer's source file says, the reader of vocab.txt, and compiling into a tokenizer.edgebert."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from edgebert import _native
from edgebert.errors import TokenizerError

_NAMES = ("tokenizer.edgebert", "tokenizer.json", "vocab.txt")  # what a folder is searched for, in this order

_ROLES = ("unk", "pad", "cls", "sep")  # tokens that a BERT tokenizer cannot do without
_MAX_BYTES = 1 << 28
_MAX_IDS = 1 << 22
_SPECIAL = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")  # in the order in which transformers adds them
FLAGS = {"single_word": 1, "lstrip": 2, "rstrip": 4, "normalized": 8, "special": 16}
OUTSIDE_MODEL = 32  # flag of an added token that the model does not know
_WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


@dataclass(frozen=True)
class Normalization:
    """The steps of the BERT normalizer."""

    clean_text: bool = True
    chinese_chars: bool = True
    strip_accents: bool | None = None  # None: as lowercase
    lowercase: bool = True


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer as its source file describes it, before it is compiled.

    Attributes:
        source: name of the file, for errors.
        ids: token to id; ids may have gaps.
        added: added tokens with their flags, in the order of the reference: special ones first.
        single: the template of one text, pieces such as ``("[CLS]", 0)`` or ``("A", 0)`` with the type id.
    """

    source: str
    ids: dict[str, int]
    added: tuple[tuple[str, int], ...]
    normalization: Normalization
    single: tuple[tuple[str, int], ...] = (("[CLS]", 0), ("A", 0), ("[SEP]", 0))
    pair: tuple[tuple[str, int], ...] = (("[CLS]", 0), ("A", 0), ("[SEP]", 0), ("B", 1), ("[SEP]", 1))
    roles: dict[str, str] = field(default_factory=lambda: {name: f"[{name.upper()}]" for name in _ROLES})
    prefix: str = "##"
    max_word_chars: int = 100


def find_file(path: str | os.PathLike[str]) -> Path:
    """Return the tokenizer file at ``path``, or the one inside when that is a folder.

    Raises:
        TokenizerError: there is none.
    """
    place = Path(path)
    if os.path.isfile(place):  # pathlib's own tests raise for names that no file can have
        return place
    if not os.path.isdir(place):
        state = "not a file" if os.path.exists(place) else "missing"
        raise TokenizerError(f"{place} is {state}: give a tokenizer file or folder")
    for name in _NAMES:
        if (place / name).is_file():
            return place / name
    raise TokenizerError(f"{place} holds none of {', '.join(_NAMES)}: give the folder or the file of a tokenizer")


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a tokenizer file.

    Raises:
        TokenizerError: it cannot be read, is empty or too large.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise TokenizerError(f"{path} has {size} bytes, more than the {_MAX_BYTES} that a tokenizer file may have")
        content = path.read_bytes()
    except OSError as error:
        raise TokenizerError(f"cannot read {path}: {error.strerror}") from error
    if not content:
        raise TokenizerError(f"{path} is empty, it must hold a vocabulary")
    return content


def is_compiled(path: Path) -> bool:
    """Whether a file is a safetensors file, as compiled tokenizers are, or is named like one.

    Raises:
        TokenizerError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise TokenizerError(f"cannot read {path}: {error.strerror}") from error
    return path.suffix == ".edgebert" or (head[8:] == b"{" and int.from_bytes(head[:8], "little") < _MAX_BYTES)


def compile_vocabulary(vocabulary: Vocabulary) -> bytes:
    """Compile a vocabulary into the bytes of a tokenizer file.

    Raises:
        TokenizerError: a token that the tokenizer needs is missing, or ids are impossible.
    """
    _check_roles(vocabulary)
    top = max(vocabulary.ids.values())
    if top >= _MAX_IDS:
        raise TokenizerError(f"{vocabulary.source}: the id {top} is too large, ids end at {_MAX_IDS - 1}")
    tokens: list[str | None] = [None] * (top + 1)
    for token, index in vocabulary.ids.items():
        if tokens[index] is not None:
            first = tokens[index]
            raise TokenizerError(f"{vocabulary.source}: the id {index} is used twice, for {first!r} and {token!r}")
        tokens[index] = token
    added = [(vocabulary.ids[token], flags) for token, flags in vocabulary.added]
    return _native.compile_tokenizer(tokens, added, _settings(vocabulary))


def _settings(vocabulary: Vocabulary) -> dict[str, str]:
    steps, ids = vocabulary.normalization, vocabulary.ids
    strip_accents = steps.lowercase if steps.strip_accents is None else steps.strip_accents
    values: dict[str, bool | int | str] = {
        "format": 1,
        "kind": "bert-wordpiece",
        "clean_text": steps.clean_text,
        "chinese_chars": steps.chinese_chars,
        "strip_accents": strip_accents,
        "lowercase": steps.lowercase,
        "prefix": vocabulary.prefix,
        "max_word_chars": vocabulary.max_word_chars,
        "single": _template(vocabulary.single, ids),
        "pair": _template(vocabulary.pair, ids),
        "mask": ids.get("[MASK]", ""),
        **{role: ids[token] for role, token in vocabulary.roles.items()},
    }
    return {f"tokenizer.{name}": _shown(value) for name, value in values.items()}


def _shown(value: bool | int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _template(pieces: tuple[tuple[str, int], ...], ids: dict[str, int]) -> str:
    return " ".join(f"{piece if piece in ('A', 'B') else ids[piece]}:{type_id}" for piece, type_id in pieces)


def _check_roles(vocabulary: Vocabulary) -> None:
    missing = [token for token in vocabulary.roles.values() if token not in vocabulary.ids]
    if not missing:
        return
    lowered = [token for token in missing if token.lower() in vocabulary.ids]
    hint = f" (it holds {', '.join(t.lower() for t in lowered)}: its special tokens were lowercased)" if lowered else ""
    raise TokenizerError(f"{vocabulary.source} has no {', '.join(missing)} token{hint}: it is not a BERT vocabulary")


def parse_json(path: Path, content: bytes) -> object:
    """Parse a JSON file; TokenizerError where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{path} is not valid JSON: {error}") from error


def as_object(value: object, where: str) -> dict[str, object]:
    """Return a JSON object; TokenizerError where it is something else."""
    if not isinstance(value, dict):
        raise TokenizerError(f"{where} is not a JSON object")
    return value


def as_flag(values: dict[str, object], name: str, default: bool, where: str) -> bool:
    """Return a member that is true or false; TokenizerError where it is something else."""
    value = values.get(name, default)
    if not isinstance(value, bool):
        raise TokenizerError(f"{where}: {name} is {value!r}, it must be true or false")
    return value


def read_vocab_txt(path: Path, content: bytes, lowercase: bool | None) -> Vocabulary:
    r"""Read a vocab.txt as the reference does.

    Lines end at "\n" alone, white space at their end is cut, and the last of equal lines counts.

    ``lowercase`` None takes the settings of a tokenizer_config.json beside the file, else lower case.
    """
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{path} is not a vocabulary: byte {error.start} is not UTF-8") from error
    if "\0" in content[:4096].decode("utf-8", "replace"):
        raise TokenizerError(f"{path} is not a vocabulary: it holds binary data")
    if lines[-1] == "":
        lines.pop()
    ids = {line.rstrip(_WHITE_SPACE): index for index, line in enumerate(lines)}
    flags = FLAGS["special"]
    added = tuple((token, flags) for token in _SPECIAL if token in ids)
    return Vocabulary(str(path), ids, added, _normalization_beside(path, lowercase))


def _normalization_beside(path: Path, lowercase: bool | None) -> Normalization:
    config_path = path.with_name("tokenizer_config.json")
    if lowercase is not None or not config_path.is_file():
        return Normalization(lowercase=lowercase is not False)
    config = as_object(parse_json(config_path, read_bytes(config_path)), str(config_path))
    strip_accents = config.get("strip_accents")
    return Normalization(
        chinese_chars=as_flag(config, "tokenize_chinese_chars", True, str(config_path)),
        strip_accents=None if strip_accents is None else as_flag(config, "strip_accents", True, str(config_path)),
        lowercase=as_flag(config, "do_lower_case", True, str(config_path)),
    )
