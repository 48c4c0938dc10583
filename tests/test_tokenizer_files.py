"""Loading and writing tokenizers: the three forms, broken vocabularies, hostile files."""

import json
import os
from pathlib import Path

import pytest

from edgebert.errors import InputError, TokenizerError
from edgebert.tokenizer import Tokenizer

DATA = Path(__file__).parents[2] / "shared" / "data"
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "light", "on", "##on", "é", "##e", "Light", "."]
TEXT = "Light on [MASK] éon. 中 onon\x00"


def write_vocabulary(folder, tokens=TOKENS, end="\n"):
    path = folder / "vocab.txt"
    path.write_bytes(end.join(tokens).encode())
    return path


def document(**changes):
    """A tokenizer.json as a dict."""
    special = [
        {
            "id": index,
            "content": token,
            "special": True,
            "normalized": False,
            "lstrip": False,
            "rstrip": False,
            "single_word": False,
        }
        for index, token in enumerate(TOKENS[:5])
    ]
    pieces = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    pieces.append({"SpecialToken": {"id": "[SEP]", "type_id": 0}})
    pair = [*pieces, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    known = {token: {"id": token, "ids": [index], "tokens": [token]} for token, index in (("[CLS]", 2), ("[SEP]", 3))}
    return {
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": pieces, "pair": pair, "special_tokens": known},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {token: i for i, token in enumerate(TOKENS)}},
        **changes,
    }


def write_document(folder, content):
    path = folder / "tokenizer.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def answer(tokenizer):
    encoding = tokenizer.encode(TEXT, "on")
    return encoding.ids, encoding.offsets, encoding.tokens, tokenizer.get_vocab(), tokenizer.lowercase


def test_the_forms_agree(tmp_path):
    vocab, compiled = Tokenizer.from_file(write_vocabulary(tmp_path)), tmp_path / "tokenizer.edgebert"
    document_form = Tokenizer.from_file(write_document(tmp_path, document()))
    vocab.save(compiled)
    mapped = Tokenizer.from_file(compiled)
    assert answer(vocab) == answer(document_form) == answer(mapped) == answer(Tokenizer.from_file(tmp_path))
    assert vocab.encode(TEXT).truncated is False  # the truncation section is ignored
    again = tmp_path / "again.bin"
    mapped.save(again)
    Tokenizer.from_file(str(write_vocabulary(tmp_path))).save(os.fspath(compiled))
    assert again.read_bytes() == compiled.read_bytes()
    assert answer(Tokenizer.from_file(again)) == answer(vocab)


def test_the_compiled_file_is_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    path = tmp_path / "tokenizer.edgebert"
    Tokenizer.from_file(write_vocabulary(tmp_path)).save(path)
    tensors = safetensors.load_file(path)
    assert bytes(tensors["tokenizer.vocab_bytes"]).decode() == "".join(TOKENS)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    assert header.pop("__metadata__")["tokenizer.lowercase"] == "true"
    assert all(
        (8 + length + entry["data_offsets"][0]) % 64 == 0 for name, entry in header.items() if "padding" not in name
    )


def test_saving_is_atomic(tmp_path):
    tokenizer = Tokenizer.from_file(write_vocabulary(tmp_path))
    with pytest.raises(InputError, match="cannot write"):
        tokenizer.save(tmp_path / "missing" / "tokenizer.edgebert")
    tokenizer.save(tmp_path / "tokenizer.edgebert")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer.edgebert", "vocab.txt"]


@pytest.mark.parametrize(
    ("config", "lowercase", "tokens"),
    [
        (None, None, ["light", "on"]),
        ({"do_lower_case": False}, None, ["Light", "on"]),
        ({"do_lower_case": True}, None, ["light", "on"]),
        ({"do_lower_case": False}, True, ["light", "on"]),
        (None, False, ["Light", "on"]),
        ({"do_lower_case": True, "strip_accents": False}, None, ["light", "on"]),
    ],
)
def test_case_of_a_vocabulary(tmp_path, config, lowercase, tokens):
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = Tokenizer.from_file(write_vocabulary(tmp_path), lowercase=lowercase)
    assert tokenizer.encode("Light on", add_special_tokens=False).tokens == tokens
    strips = tokenizer.encode("é", add_special_tokens=False).tokens == ["[UNK]"]  # e is no token, é is
    assert strips == (tokens[0] == "light" and (config or {}).get("strip_accents") is not False)


def test_case_of_other_forms(tmp_path):
    path = write_document(tmp_path, document())
    assert Tokenizer.from_file(path, lowercase=False).encode("Light", add_special_tokens=False).tokens == ["Light"]
    compiled = tmp_path / "tokenizer.edgebert"
    Tokenizer.from_file(path).save(compiled)
    assert Tokenizer.from_file(compiled, lowercase=True).lowercase
    with pytest.raises(TokenizerError, match="compiled with lowercase=True"):
        Tokenizer.from_file(compiled, lowercase=False)


def test_lines_of_a_vocabulary(tmp_path):
    tokens = [*TOKENS, "twice", "space  ", "\u2028", "", "twice", "a\u2028b", "\ufeffx", "tab\t\x0b"]
    tokenizer = Tokenizer.from_file(write_vocabulary(tmp_path, tokens, end="\r\n"))
    vocabulary = tokenizer.get_vocab()
    assert vocabulary["twice"] == len(TOKENS) + 4
    assert vocabulary["space"] == len(TOKENS) + 1
    assert vocabulary[""] == len(TOKENS) + 3
    assert vocabulary["tab"] == len(TOKENS) + 7
    assert vocabulary["a\u2028b"] == len(TOKENS) + 5
    assert tokenizer.vocab_size == len(vocabulary) == len(tokens) - 2
    with pytest.raises(InputError, match="no token has the id"):
        tokenizer.id_to_token(len(TOKENS))  # the first of the equal lines
    hf = pytest.importorskip("tokenizers", reason="the reference is not installed")
    assert hf.models.WordPiece.read_file(str(tmp_path / "vocab.txt")) == vocabulary


def test_vocabulary_without_mask(tmp_path):
    tokenizer = Tokenizer.from_file(write_vocabulary(tmp_path, [token for token in TOKENS if token != "[MASK]"]))
    assert tokenizer.mask_id is None


@pytest.mark.skipif(not (DATA / "vocabs").is_dir(), reason="../shared/data/vocabs is missing")
def test_lowercased_special_tokens_are_refused():
    (path,) = (DATA / "vocabs" / "TRAP_lowercased_specials").glob("*vocab.txt")
    with pytest.raises(TokenizerError, match=r"no \[UNK\].*holds \[unk\]"):
        Tokenizer.from_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n\n", r"has no \[UNK\], \[PAD\], \[CLS\], \[SEP\] token"),
        (b"[UNK]\n[CLS]\n[SEP]\n", r"has no \[PAD\] token"),
        (b"[unk]\n[CLS]\n[SEP]\n[PAD]", r"no \[UNK\] token \(it holds \[unk\]"),
        (b"[UNK]\n[CLS]\n[SEP]\n[PAD]\n\xff\xfe", "is not UTF-8"),
        (bytes(range(128)) * 40, "binary data"),
        (b"\x89PNG\r\n\x1a\n" * 30, "not UTF-8"),
    ],
)
def test_broken_vocabularies(tmp_path, content, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match=message) as caught:
        Tokenizer.from_file(path)
    assert "\n" not in str(caught.value)


def test_missing_files(tmp_path):
    for path in (tmp_path / "vocab.txt", "a\0b", "x" * 5000):
        with pytest.raises(TokenizerError, match="is missing"):
            Tokenizer.from_file(path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(TokenizerError, match="is not a file"):
        Tokenizer.from_file(tmp_path / "fifo")
    with pytest.raises(TokenizerError, match="holds none of"):
        Tokenizer.from_file(tmp_path)


def changed(part, **changes):
    return {part: {**document()[part], **changes}}


def added(**changes):
    entries = document()["added_tokens"]
    return {"added_tokens": [*entries, {**entries[0], "id": len(TOKENS), "content": "<new>", **changes}]}


BAD_DOCUMENTS = [
    ("{", "not valid JSON"),
    ("[" * 100_000, "not valid JSON"),
    ("[]", "not a JSON object"),
    ("{}", "the model is missing"),
    (document(model={"type": "BPE", "vocab": {}, "merges": []}), "the model is BPE, supported is WordPiece"),
    (document(model={"type": "Unigram", "vocab": []}), "the model is Unigram"),
    (document(normalizer={"type": "NFC"}), "the normalizer is NFC"),
    (document(normalizer=None), "the normalizer is missing"),
    (document(pre_tokenizer={"type": "Whitespace"}), "the pre_tokenizer is Whitespace"),
    (document(post_processor={"type": "RobertaProcessing"}), "the post_processor is RobertaProcessing"),
    (document(post_processor=None), "the post_processor is missing"),
    (document(**changed("post_processor", single=[])), "single template is not BERT's"),
    (document(**changed("post_processor", pair=None)), "pair template is missing"),
    (document(**changed("post_processor", pair=[{"x": 1}])), "which is not supported"),
    (document(**changed("post_processor", special_tokens={})), "not a JSON object"),
    (document(**changed("model", vocab={})), "no vocabulary"),
    (document(**changed("model", vocab={"[UNK]": -1})), "it must be a number from 0"),
    (document(**changed("model", vocab={"[UNK]": "0"})), "it must be a number from 0"),
    (
        document(**changed("model", vocab={**document()["model"]["vocab"], "x": 5})),
        "the id 5 is used twice, for 'light' and 'x'",
    ),
    (document(**changed("model", vocab={**document()["model"]["vocab"], "x": 1 << 30})), "too large"),
    (document(**changed("model", vocab={**document()["model"]["vocab"], "\ud800": 12})), "lone surrogate"),
    (document(**changed("model", unk_token="<unk>")), "has no <unk> token"),
    (document(**changed("model", unk_token=3)), "wrong types"),
    (document(**changed("model", max_input_chars_per_word=10**6)), "supported are 0 to 1000"),
    (document(**changed("normalizer", lowercase="yes")), "lowercase is 'yes'"),
    (document(added_tokens={}), "added_tokens is not a list"),
    (document(**added(id=99)), "has the id 99, but its place is 12"),
    (document(**added(content="light")), "has the id 12, but its place is 5"),
    (document(**added(content="")), "has the content ''"),
    (document(**added(content="[PAD]", id=0)), "listed twice"),
    (document(**added(content="\u00ad", normalized=True)), "is empty after normalization"),
]


@pytest.mark.parametrize(("content", "message"), BAD_DOCUMENTS, ids=[message for _, message in BAD_DOCUMENTS])
def test_broken_documents(tmp_path, content, message):
    with pytest.raises(TokenizerError) as caught:
        Tokenizer.from_file(write_document(tmp_path, content))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
