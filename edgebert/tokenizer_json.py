"""Reading Hugging Face's tokenizer.json."""

from pathlib import Path

from edgebert.errors import TokenizerError
from edgebert.tokenizer_file import FLAGS, OUTSIDE_MODEL, Normalization, Vocabulary, as_flag, as_object, parse_json

_Pieces = tuple[tuple[str, int], ...]


def read_tokenizer_json(path: Path, content: bytes, lowercase: bool | None) -> Vocabulary:
    """Read a tokenizer.json; anything but a BERT WordPiece tokenizer is refused by name.

    Its truncation and padding sections are ignored.
    """
    document = as_object(parse_json(path, content), str(path))
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
    normalization = _read_normalizer(document, lowercase, path)
    return Vocabulary(str(path), ids, added, normalization, single, pair, roles, prefix, max_chars)


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
        clean_text=as_flag(part, "clean_text", True, str(path)),
        chinese_chars=as_flag(part, "handle_chinese_chars", True, str(path)),
        strip_accents=None if strip_accents is None else as_flag(part, "strip_accents", True, str(path)),
        lowercase=as_flag(part, "lowercase", True, str(path)) if lowercase is None else lowercase,
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
            flags |= OUTSIDE_MODEL
            next_id += 1
        (special if flags & FLAGS["special"] else others).append((token, flags))
    return (*special, *others)


def _read_added_token(entry: object, path: Path) -> tuple[str, int, int]:
    values = as_object(entry, f"{path}: an added token")
    token, index = values.get("content"), values.get("id")
    if not isinstance(token, str) or not token or not isinstance(index, int) or isinstance(index, bool):
        raise TokenizerError(f"{path}: an added token has the content {token!r} and the id {index!r}")
    flags = sum(bit for name, bit in FLAGS.items() if as_flag(values, name, False, f"{path}: added token {token!r}"))
    return token, index, flags


def _read_pad(document: dict[str, object]) -> str:
    padding = document.get("padding")
    token = padding.get("pad_token") if isinstance(padding, dict) else None
    return token if isinstance(token, str) else "[PAD]"


def _read_templates(document: dict[str, object], ids: dict[str, int], path: Path) -> tuple[_Pieces, _Pieces]:
    part = _part(document, "post_processor", ("TemplateProcessing", "BertProcessing"), path)
    if part["type"] == "BertProcessing":
        cls, sep = _named_id(part.get("cls"), ids, path), _named_id(part.get("sep"), ids, path)
        single = ((cls, 0), ("A", 0), (sep, 0))
        return single, (*single, ("B", 1), (sep, 1))
    return _read_template(part, "single", ids, path), _read_template(part, "pair", ids, path)


def _named_id(value: object, ids: dict[str, int], path: Path) -> str:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and ids.get(value[0]) == value[1]:
        return value[0]
    raise TokenizerError(f"{path}: the post-processor's token {value!r} is not in the vocabulary with that id")


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
    values = as_object(piece, shown)
    for kind in ("Sequence", "SpecialToken"):
        item = values.get(kind)
        if not isinstance(item, dict) or not isinstance(item.get("id"), str) or item.get("type_id") not in (0, 1):
            continue
        if kind == "Sequence":
            return item["id"], item["type_id"]
        return _special_token(part, item["id"], ids, shown), item["type_id"]
    raise TokenizerError(f"{shown} holds {piece!r}, which is not supported")


def _special_token(part: dict[str, object], name: str, ids: dict[str, int], shown: str) -> str:
    known = as_object(part.get("special_tokens"), f"{shown}'s list of special tokens")
    entry = as_object(known.get(name), f"{shown}'s token {name!r}")
    tokens, numbers = entry.get("tokens"), entry.get("ids")
    if not isinstance(tokens, list) or not isinstance(numbers, list) or len(tokens) != 1 or len(numbers) != 1:
        raise TokenizerError(f"{shown}: the token {name!r} stands for several tokens, which is not supported")
    return _named_id([tokens[0], numbers[0]], ids, Path(shown))
