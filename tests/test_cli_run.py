"""The run verbs: answers on stdout, words on stderr, and nothing heavy loaded."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgebert
from edgebert.bundle import MANIFEST
from edgebert.cli import inputs
from edgebert.cli.words import printable
from edgebert.encoder import Encoder
from edgebert.manifest import ClassifyHead

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
TEXTS = ["turn on the light", "", 'play "music", please', "über 音楽"]
LONG = "turn on the kitchen lights and play music in the kitchen now please or stop it"
HEAVY = ("torch", "transformers", "onnx", "optimum", "tokenizers", "safetensors")


@pytest.fixture(scope="module")
def encoder(embed_bundle: Path) -> Encoder:
    model = edgebert.load(embed_bundle)
    assert isinstance(model, Encoder)
    return model


def test_embed_writes_jsonl(run: Run, embed_bundle: Path, encoder: Encoder) -> None:
    found = run("embed", embed_bundle, *TEXTS)
    rows = [json.loads(line) for line in found.stdout.decode().splitlines()]
    assert [list(row) for row in rows] == [["text", "vector", "truncated"]] * 4
    assert [row["text"] for row in rows] == TEXTS
    assert np.array_equal(np.array([row["vector"] for row in rows], np.float32), encoder.encode(TEXTS))
    assert found.stderr == b"edgebert: 4 texts done\n"
    assert found.returncode == 0


def test_embed_writes_csv(run: Run, embed_bundle: Path, encoder: Encoder) -> None:
    rows = list(csv.reader(io.StringIO(run("embed", embed_bundle, *TEXTS, "--format", "csv").stdout.decode())))
    assert rows[0] == ["text", *(f"v{at}" for at in range(8)), "truncated"]
    assert [row[0] for row in rows[1:]] == TEXTS
    assert np.array_equal(np.array([row[1:-1] for row in rows[1:]], np.float32), encoder.encode(TEXTS))
    assert {row[-1] for row in rows[1:]} == {"false"}


@pytest.mark.parametrize("to_file", [True, False])
def test_embed_writes_npy(run: Run, embed_bundle: Path, encoder: Encoder, tmp_path: Path, to_file: bool) -> None:
    output = tmp_path / "vectors.npy"
    found = run("embed", embed_bundle, *TEXTS, *(["-o", output] if to_file else ["--format", "npy"]))
    vectors = np.load(output if to_file else io.BytesIO(found.stdout), allow_pickle=False)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, encoder.encode(TEXTS))


def test_embed_reads_what_it_is_given(run: Run, embed_bundle: Path, tmp_path: Path) -> None:
    files = {
        "a.txt": "\n".join(TEXTS[:3]) + "\n",
        "a.jsonl": "\n".join(json.dumps({"text": text}) for text in TEXTS[:3]),
        "a.csv": 'id,text\n1,turn on the light\n2,\n3,"play ""music"", please"\n',
        "a.tsv": 'id\ttext\n1\tturn on the light\n2\t\n3\tplay "music", please\n',
    }
    expected = run("embed", embed_bundle, *TEXTS[:3]).stdout
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        assert run("embed", embed_bundle, "--file", tmp_path / name).stdout == expected
    assert run("embed", embed_bundle, stdin=files["a.txt"].encode()).stdout == expected
    assert run("embed", embed_bundle, "-f", "-", stdin=files["a.txt"].encode()).stdout == expected
    assert run("embed", embed_bundle, "--input-format", "csv", stdin=files["a.csv"].encode()).stdout == expected
    column = run("embed", embed_bundle, "-f", tmp_path / "a.csv", "--column", "id").stdout
    assert [json.loads(line)["text"] for line in column.splitlines()] == ["1", "2", "3"]


def test_embed_takes_the_options_of_encode(run: Run, embed_bundle: Path, encoder: Encoder) -> None:
    found = run(
        "embed", embed_bundle, "stop", LONG, "--no-normalize", "--truncate-dim", "3", "--long-texts", "max", "--quiet"
    )
    vectors = [json.loads(line)["vector"] for line in found.stdout.splitlines()]
    expected = encoder.encode(["stop", LONG], normalize_embeddings=False, truncate_dim=3, long_texts="max")
    assert np.array_equal(np.array(vectors, np.float32), expected)
    assert found.stderr == b""


def test_cut_texts_are_reported(run: Run, embed_bundle: Path) -> None:
    found = run("embed", embed_bundle, "stop", LONG)
    assert [json.loads(line)["truncated"] for line in found.stdout.splitlines()] == [False, True]
    assert found.stderr == b"edgebert: 2 texts done, 1 of them cut at 16 tokens: --long-texts mean reads all of them\n"


@pytest.mark.parametrize("format", ["jsonl", "csv", "npy"])
def test_chunks_change_nothing(
    run: Run, embed_bundle: Path, monkeypatch: pytest.MonkeyPatch, format: str, tmp_path: Path
) -> None:
    texts = "".join(f"play {number}\n" for number in range(20)).encode()
    outputs = [tmp_path / "whole", tmp_path / "pieces", tmp_path / "characters"]
    run("embed", embed_bundle, "--format", format, "-o", outputs[0], stdin=texts)
    monkeypatch.setattr(inputs, "_CHUNK_TEXTS", 3)
    run("embed", embed_bundle, "--format", format, "-o", outputs[1], stdin=texts)
    monkeypatch.setattr(inputs, "_CHUNK_CHARACTERS", 10)
    run("embed", embed_bundle, "--format", format, "-o", outputs[2], stdin=texts)
    assert outputs[0].read_bytes() == outputs[1].read_bytes() == outputs[2].read_bytes()


def test_texts_are_answered_before_all_are_read(embed_bundle: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "texts.txt"
    os.mkfifo(pipe)
    command = [sys.executable, "-I", "-m", "edgebert.cli", "embed", str(embed_bundle), "-f", str(pipe)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        with pipe.open("w") as writer:
            writer.write("play\n" * 1000)  # more than a chunk
            writer.flush()
            assert json.loads(process.stdout.readline())["text"] == "play"
        assert len(process.stdout.readlines()) == 999
        assert process.wait(timeout=60) == 0


def test_classify_writes_jsonl(run: Run, classify_bundle: Path) -> None:
    model: Any = edgebert.load(classify_bundle)
    rows = [json.loads(line) for line in run("classify", classify_bundle, *TEXTS).stdout.decode().splitlines()]
    assert [list(row) for row in rows] == [["text", "label", "score", "truncated"]] * 4
    assert [row["text"] for row in rows] == TEXTS
    assert [row["label"] for row in rows] == [answer["label"] for answer in model.classify(TEXTS)]
    several = json.loads(run("classify", classify_bundle, "stop", "--top-k", "2").stdout)
    assert list(several) == ["text", "labels", "truncated"]
    expected = model.classify("stop", top_k=2)
    assert [entry["label"] for entry in several["labels"]] == [answer["label"] for answer in expected]
    assert [np.float32(entry["score"]) for entry in several["labels"]] == [answer["score"] for answer in expected]
    assert len(json.loads(run("classify", classify_bundle, "stop", "--top-k", "all").stdout)["labels"]) == 3


def test_classify_writes_csv(run: Run, classify_bundle: Path) -> None:
    one = run("classify", classify_bundle, "a,b", "--format", "csv").stdout.decode().splitlines()
    assert one[0] == "text,label,score,truncated"
    assert one[1].startswith('"a,b",')
    several = run("classify", classify_bundle, "stop", "--format", "csv", "--top-k", "2").stdout.decode().splitlines()
    assert several[0] == "text,label_1,score_1,label_2,score_2,truncated"
    rejected = run("classify", classify_bundle, "stop", "--format", "csv", "--top-k", "9", "--min-score", "1").stdout
    assert rejected.decode().splitlines()[1].split(",")[1] == ""
    assert rejected.decode().splitlines()[1].count(",") == 7


def test_classify_reads_pairs(run: Run, classify_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"text_a": "turn on", "text_b": "the light"}\n')
    answer = json.loads(run("classify", classify_bundle, "-f", path).stdout)
    assert (answer["text"], answer["text_pair"]) == ("turn on", "the light")
    expected: Any = edgebert.load(classify_bundle).classify(("turn on", "the light"))  # type: ignore[union-attr]
    assert (answer["label"], np.float32(answer["score"])) == (expected["label"], expected["score"])
    table = run("classify", classify_bundle, "-f", path, "--format", "csv").stdout.decode().splitlines()
    assert table[0] == "text,text_pair,label,score,truncated"
    single = json.loads(run("classify", classify_bundle, "-f", path, "--column", "text_a").stdout)
    assert "text_pair" not in single


def test_an_unknown_intent_gets_no_label(run: Run, classify_bundle: Path) -> None:
    answer = json.loads(run("classify", classify_bundle, "stop", "--min-score", "1").stdout)
    assert answer["label"] is None
    assert 0 < answer["score"] < 1


def test_inspect_shows_the_manifest(run: Run, embed_bundle: Path, classify_bundle: Path) -> None:
    shown = run("inspect", embed_bundle).stdout.decode()
    for fact in (
        "embed",
        "int8",
        "w8a8-dynamic, tolerance 0.0001",
        "mean, vectors of length 1",
        "16 tokens",
        "cosine_mean",
        "model.onnx",
    ):
        assert fact in shown
    assert "light_on, play_music, battery" in run("inspect", classify_bundle).stdout.decode()
    manifest = json.loads(run("inspect", embed_bundle, "--json").stdout)
    assert manifest == json.loads((embed_bundle / MANIFEST).read_text())


def test_verify_says_what_it_checked(run: Run, embed_bundle: Path) -> None:
    shown = run("verify", embed_bundle).stdout.decode()
    assert "files    4 as the manifest says" in shown
    assert "32 on onnxruntime" in shown
    assert json.loads(run("verify", embed_bundle, "--json").stdout)["outputs"] == 32


def test_control_characters_of_a_bundle_do_not_reach_the_terminal(run: Run, make_bundle: Callable[..., Path]) -> None:
    evil = "\x1b[2Jevil\r\u202e\u2028"
    bundle = make_bundle(ClassifyHead((evil, "good"), "single_label_classification"))
    shown = run("inspect", bundle).stdout.decode()
    assert "\\x1b[2Jevil\\r\\u202e\\u2028" in shown
    assert "\x1b" not in shown
    assert printable("a b ü\n\ud800") == "a b ü\\n\\ud800"


def test_help_and_version(run: Run) -> None:
    assert run("--version").stdout.decode() == f"edgebert {edgebert.__version__}\n"
    shown = run("--help").stdout.decode()
    for verb in ("export", "embed", "classify", "bench", "inspect", "verify"):
        assert f"  {verb}" in shown
        helped = run(verb, "--help")
        assert helped.returncode == 0
        assert "Usage: edgebert " + verb in helped.stdout.decode()


def _loaded(program: str, *arguments: str) -> set[str]:
    """Return the top-level modules that are loaded after a program, in a process of its own."""
    report = "\nimport sys; sys.stderr.write('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    found = subprocess.run(
        [sys.executable, "-I", "-c", program + report, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(found.stderr.rpartition("\n")[2].split())


def test_import_edgebert_loads_only_numpy() -> None:
    standard = set(sys.stdlib_module_names) | {"__mp_main__"}
    added = _loaded("import edgebert") - _loaded("import numpy")
    assert added - standard == {"edgebert"}
    loaded = _loaded("import edgebert\nfor name in edgebert.__all__: getattr(edgebert, name)")
    assert loaded.isdisjoint({*HEAVY, "onnxruntime", "typer", "click", "rich", "pydantic"})


VERB = """
import sys
from edgebert.cli import main
try:
    main(sys.argv[1:])
except SystemExit as exit:
    assert not exit.code
"""


@pytest.mark.parametrize(
    "verb",
    [
        ["embed", "E", "stop"],
        ["classify", "C", "stop"],
        ["inspect", "E"],
        ["verify", "C"],
        ["bench", "E", "--rounds", "1", "--texts", "T", "--quiet"],
    ],
)
def test_run_verbs_load_no_training_framework(
    embed_bundle: Path, classify_bundle: Path, tmp_path: Path, verb: list[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("stop\nplay music\n")
    paths = {"E": str(embed_bundle), "C": str(classify_bundle), "T": str(texts)}
    loaded = _loaded(VERB, *(paths.get(argument, argument) for argument in verb))
    assert loaded.isdisjoint(HEAVY)
    assert ("onnxruntime" in loaded) == (verb[0] != "inspect")
