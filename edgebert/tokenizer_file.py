"""Reading the three forms of a tokenizer: Hugging Face's tokenizer.json, vocab.txt, and edgebert's own compiled file."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from edgebert import _native
from edgebert.errors import TokenizerError

COMPILED_NAME = "tokenizer.edgebert"
_NAMES = (COMPILED_NAME, "tokenizer.json", "vocab.txt")  # what a folder is searched for, in this order

_MAX_BYTES = 1 << 28
_MAX_IDS = 1 << 22
_SPECIAL = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")  # in the order in which transformers adds them
_FLAGS = {"single_word": 1, "lstrip": 2, "rstrip": 4, "normalized": 8, "special": 16}
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
    roles: dict[str, str] = field(default_factory=lambda: {"unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]"})
    prefix: str = "##"
    max_word_chars: int = 100


def find_file(path: str | os.PathLike[str]) -> Path:
    """Return the tokenizer file at ``path``, or the one inside when it is a folder.

    Raises:
        TokenizerError: there is none.
    """
    place = Path(path)
    if not place.is_dir():
        return place
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


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file, enough to tell its form.

    Raises:
        TokenizerError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise TokenizerError(f"cannot read {path}: {error.strerror}") from error


def is_compiled(head: bytes) -> bool:
    """Whether a file that starts with these bytes is a safetensors file, as compiled tokenizers are."""
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _MAX_BYTES


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
            raise TokenizerError(f"{vocabulary.source}: the id {index} is used twice, for {tokens[index]!r} and {token!r}")
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
    return {f"tokenizer.{name}": str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}


def _template(pieces: tuple[tuple[str, int], ...], ids: dict[str, int]) -> str:
    return " ".join(f"{piece if piece in ('A', 'B') else ids[piece]}:{type_id}" for piece, type_id in pieces)


def _check_roles(vocabulary: Vocabulary) -> None:
    missing = [token for token in vocabulary.roles.values() if token not in vocabulary.ids]
    if not missing:
        return
    lowered = [token for token in missing if token.lower() in vocabulary.ids]
    hint = f" (it holds {', '.join(t.lower() for t in lowered)}: its special tokens were lowercased)" if lowered else ""
    raise TokenizerError(f"{vocabulary.source} has no {', '.join(missing)} token{hint}: it is not a BERT vocabulary")


def read_vocab_txt(path: Path, content: bytes, lowercase: bool | None) -> Vocabulary:
    r"""Read a vocab.txt as the reference does: lines end at "\n", white space at their end is cut, the last of equal lines counts.

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
    flags = _FLAGS["special"]
    added = tuple((token, flags) for token in _SPECIAL if token in ids)
    return Vocabulary(str(path), ids, added, _normalization_beside(path, lowercase))


def _normalization_beside(path: Path, lowercase: bool | None) -> Normalization:
    config_path = path.with_name("tokenizer_config.json")
    if lowercase is not None or not config_path.is_file():
        return Normalization(lowercase=lowercase is not False)
    config = _object(_parse_json(config_path, read_bytes(config_path)), str(config_path))
    strip_accents = config.get("strip_accents")
    return Normalization(
        chinese_chars=_flag(config, "tokenize_chinese_chars", True, str(config_path)),
        strip_accents=None if strip_accents is None else _flag(config, "strip_accents", True, str(config_path)),
        lowercase=_flag(config, "do_lower_case", True, str(config_path)),
    )


def _parse_json(path: Path, content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{path} is not valid JSON: {error}") from error


def _object(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TokenizerError(f"{where} is not a JSON object")
    return value


def _flag(values: dict[str, object], name: str, default: bool, where: str) -> bool:
    value = values.get(name, default)
    if not isinstance(value, bool):
        raise TokenizerError(f"{where}: {name} is {value!r}, it must be true or false")
    return value


def read_tokenizer_json(path: Path, content: bytes, lowercase: bool | None) -> Vocabulary:
    """Read a tokenizer.json; anything but a BERT WordPiece tokenizer is refused by name.

    Its truncation and padding sections are ignored.
    """
    document = _object(_parse_json(path, content), str(path))
    model = _part(document, "model", ("WordPiece",), path)
    _part(document, "pre_tokenizer", ("BertPreTokenizer",), path)
    ids = _read_ids(model, path)
    added = _read_added(document, ids, path)
    single, pair = _read_templates(document, ids, path)
    unk = model.get("unk_token", "[UNK]")
    prefix, max_chars = model.get("continuing_subword_prefix", "##"), model.get("max_input_chars_per_word", 100)
    if not (isinstance(unk, str) and isinstance(prefix, str) and isinstance(max_chars, int)):
        raise TokenizerError(f"{path}: the settings of the WordPiece model have wrong types")
    if not 0 <= max_chars <= 1000:
        raise TokenizerError(f"{path}: max_input_chars_per_word is {max_chars}, supported are 0 to 1000")
    special = [piece for piece, _ in single if piece != "A"]
    roles = {"unk": unk, "pad": _read_pad(document), "cls": special[0], "sep": special[-1]}
    return Vocabulary(str(path), ids, added, _read_normalizer(document, lowercase, path), single, pair, roles, prefix, max_chars)


def _part(document: dict[str, object], name: str, kinds: tuple[str, ...], path: Path) -> dict[str, object]:
    part = document.get(name)
    kind = part.get("type") if isinstance(part, dict) else None
    if kind is None and name == "model" and isinstance(part, dict) and "continuing_subword_prefix" in part:
        kind = "WordPiece"  # old files leave the type out
    if not isinstance(part, dict) or kind not in kinds:
        raise TokenizerError(f"{path}: the {name} is {kind or 'missing'}, supported is {' or '.join(kinds)}")
    return part


def _read_ids(model: dict[str, object], path: Path) -> dict[str, int]:
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or not vocab:
        raise TokenizerError(f"{path}: the model has no vocabulary")
    for token, index in vocab.items():
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise TokenizerError(f"{path}: the token {token!r} has the id {index!r}, it must be a number from 0")
    return dict(vocab)


def _read_normalizer(document: dict[str, object], lowercase: bool | None, path: Path) -> Normalization:
    part = _part(document, "normalizer", ("BertNormalizer",), path)
    strip_accents = part.get("strip_accents")
    return Normalization(
        clean_text=_flag(part, "clean_text", True, str(path)),
        chinese_chars=_flag(part, "handle_chinese_chars", True, str(path)),
        strip_accents=None if strip_accents is None else _flag(part, "strip_accents", True, str(path)),
        lowercase=_flag(part, "lowercase", True, str(path)) if lowercase is None else lowercase,
    )


def _read_added(document: dict[str, object], ids: dict[str, int], path: Path) -> tuple[tuple[str, int], ...]:
    """Read the added tokens; those that the model does not know get ids in `ids`, by the reference's rule."""
    entries = document.get("added_tokens", [])
    if not isinstance(entries, list):
        raise TokenizerError(f"{path}: added_tokens is not a list")
    special: list[tuple[str, int]] = []
    others: list[tuple[str, int]] = []
    seen: set[str] = set()
    next_id = len(ids)
    for entry in entries:
        token, index, flags = _read_added_token(entry, path)
        if token in seen:
            raise TokenizerError(f"{path}: the added token {token!r} is listed twice")
        seen.add(token)
        expected = ids.get(token, next_id)
        if index != expected:
            raise TokenizerError(f"{path}: the added token {token!r} has the id {index}, but its place is {expected}")
        if token not in ids:
            ids[token] = index
            next_id += 1
        (special if flags & _FLAGS["special"] else others).append((token, flags))
    return (*special, *others)


def _read_added_token(entry: object, path: Path) -> tuple[str, int, int]:
    values = _object(entry, f"{path}: an added token")
    token, index = values.get("content"), values.get("id")
    if not isinstance(token, str) or not token or not isinstance(index, int) or isinstance(index, bool):
        raise TokenizerError(f"{path}: an added token has the content {token!r} and the id {index!r}")
    flags = sum(bit for name, bit in _FLAGS.items() if _flag(values, name, False, f"{path}: added token {token!r}"))
    return token, index, flags


def _read_pad(document: dict[str, object]) -> str:
    padding = document.get("padding")
    token = padding.get("pad_token") if isinstance(padding, dict) else None
    return token if isinstance(token, str) else "[PAD]"


_Pieces = tuple[tuple[str, int], ...]


def _read_templates(document: dict[str, object], ids: dict[str, int], path: Path) -> tuple[_Pieces, _Pieces]:
    part = _part(document, "post_processor", ("TemplateProcessing", "BertProcessing"), path)
    if part["type"] == "BertProcessing":
        cls, sep = _named_id(part.get("cls"), ids, path), _named_id(part.get("sep"), ids, path)
        single = ((cls, 0), ("A", 0), (sep, 0))
        return single, (*single, ("B", 1), (sep, 1))
    return _read_template(part, "single", ids, path), _read_template(part, "pair", ids, path)


def _named_id(value: object, ids: dict[str, int], path: Path) -> str:
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and ids.get(value[0]) == value[1]):
        raise TokenizerError(f"{path}: the post-processor's token {value!r} is not in the vocabulary with that id")
    return value[0]


def _read_template(part: dict[str, object], name: str, ids: dict[str, int], path: Path) -> _Pieces:
    shown = f"{path}: the post-processor's {name} template"
    pieces = part.get(name)
    if not isinstance(pieces, list):
        raise TokenizerError(f"{shown} is missing")
    result = tuple(_read_piece(piece, part, ids, shown) for piece in pieces)
    sequences = [piece for piece in result if piece[0] in ("A", "B")]
    wanted = [("A", 0)] if name == "single" else [("A", 0), ("B", 1)]
    if sequences != wanted or len(result) == len(sequences) or result[0][0] == "A":
        raise TokenizerError(f"{shown} is not BERT's ([CLS] A [SEP], with B [SEP] of type 1 after it for a pair)")
    return result


def _read_piece(piece: object, part: dict[str, object], ids: dict[str, int], shown: str) -> tuple[str, int]:
    values = _object(piece, shown)
    for kind in ("Sequence", "SpecialToken"):
        item = values.get(kind)
        if not isinstance(item, dict) or not isinstance(item.get("id"), str) or item.get("type_id") not in (0, 1):
            continue
        if kind == "Sequence":
            return item["id"], item["type_id"]
        return _special_token(part, item["id"], ids, shown), item["type_id"]
    raise TokenizerError(f"{shown} holds {piece!r}, which is not supported")


def _special_token(part: dict[str, object], name: str, ids: dict[str, int], shown: str) -> str:
    known = _object(part.get("special_tokens"), f"{shown}'s list of special tokens")
    entry = _object(known.get(name), f"{shown}'s token {name!r}")
    tokens, numbers = entry.get("tokens"), entry.get("ids")
    if not isinstance(tokens, list) or not isinstance(numbers, list) or len(tokens) != 1 or len(numbers) != 1:
        raise TokenizerError(f"{shown}: the token {name!r} stands for several tokens, which is not supported")
    return _named_id([tokens[0], numbers[0]], ids, Path(shown))
