"""`edgebert tag`, `answer` and `vectors`: the answers of Python, line by line, and one line for misuse."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgebert
from edgebert.answerer import Answerer
from edgebert.cli import inputs
from edgebert.encoder import Encoder
from edgebert.tagger import Tagger
from edgebert.verify import verify

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
TEXTS = ["turn on the light", "", 'play "music", please', "über 音楽 stop"]
LONG = "turn on the kitchen lights and play music in the kitchen now please or stop it"
QUESTION, CONTEXT = "what is on", "turn on the light"


def rows(found: "subprocess.CompletedProcess[bytes]") -> list[dict[str, Any]]:
    assert found.returncode == 0, found.stderr
    return [json.loads(line) for line in found.stdout.decode().splitlines()]


@pytest.fixture(scope="module")
def tagger(tag_bundle: Path) -> Tagger:
    model = edgebert.load(tag_bundle)
    assert isinstance(model, Tagger)
    return model


@pytest.fixture(scope="module")
def answerer(answer_bundle: Path) -> Answerer:
    model = edgebert.load(answer_bundle)
    assert isinstance(model, Answerer)
    return model


def test_tag_writes_what_python_gives(run: Run, tag_bundle: Path, tagger: Tagger) -> None:
    found = run("tag", tag_bundle, *TEXTS)
    expected = [
        {"text": text, "entities": entities, "truncated": False}
        for text, entities in zip(TEXTS, tagger.tag(TEXTS), strict=True)
    ]
    assert rows(found) == expected
    assert found.stderr == b"edgebert: 4 texts done\n"


def test_tag_takes_the_options_of_python(run: Run, tag_bundle: Path, tagger: Tagger) -> None:
    found = rows(run("tag", tag_bundle, LONG, "--aggregation", "none", "--ignore", "B-PLACE", "--ignore", "O", "-q"))
    assert found[0]["entities"] == tagger.tag(LONG, "none", ignore_labels=["B-PLACE", "O"])
    cut = run("tag", tag_bundle, LONG, "--long-texts", "cut")
    assert [row["truncated"] for row in rows(cut)] == [True]
    assert b"1 of them cut at 16 tokens: --long-texts windows reads all of them" in cut.stderr


def test_answer_writes_what_python_gives(run: Run, answer_bundle: Path, answerer: Answerer) -> None:
    one = rows(run("answer", answer_bundle, "--question", QUESTION, "--context", CONTEXT))
    assert one == [{"question": QUESTION, **answerer.answer(QUESTION, CONTEXT)}]
    options = ("--top-k", 3, "--max-answer-len", 2, "--no-answer", "--stride", 2, "-q")
    found = rows(
        run("answer", answer_bundle, "--question", QUESTION, "--question", "stop", "--context", LONG, *options)
    )
    expected = answerer.answer(
        [QUESTION, "stop"], LONG, 3, max_answer_len=2, handle_impossible_answer=True, doc_stride=2
    )
    assert found == [
        {"question": question, "answers": answers}
        for question, answers in zip([QUESTION, "stop"], expected, strict=True)
    ]


def test_answer_reads_files_and_stdin(
    run: Run, answer_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [(f"what is {number}", f"music {number} is on, light {number} is off") for number in range(5)]
    lines = "".join(json.dumps({"question": a, "context": b}) + "\n" for a, b in pairs)
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "a.csv").write_text("question,context\n" + "".join(f'{a},"{b}"\n' for a, b in pairs))
    expected = rows(run("answer", answer_bundle, "--file", tmp_path / "a.jsonl"))
    assert [row["question"] for row in expected] == [question for question, _ in pairs]
    assert rows(run("answer", answer_bundle, "-f", tmp_path / "a.csv")) == expected
    assert rows(run("answer", answer_bundle, stdin=lines.encode())) == expected
    monkeypatch.setattr(inputs, "_CHUNK_TEXTS", 2)
    output = tmp_path / "out.jsonl"
    assert run("answer", answer_bundle, "-f", tmp_path / "a.jsonl", "-o", output).stdout == b""
    assert [json.loads(line) for line in output.read_text().splitlines()] == expected


def test_the_bundles_verify(tag_bundle: Path, answer_bundle: Path) -> None:
    assert verify(tag_bundle).outputs == 5 * verify(tag_bundle).tokens - 5 * 2 * 4  # special tokens have no output
    assert verify(answer_bundle).texts == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tag", "EMBED", "a"], 1, "gives vectors, it finds no entities: use `edgebert embed`"),
        (["embed", "TAG", "a"], 1, "tags texts, it gives no vectors: use `edgebert tag`"),
        (["classify", "ANSWER", "a"], 1, "answers questions, it has no labels: use `edgebert answer`"),
        (["answer", "TAG", "--question", "a", "--context", "b"], 1, "tags texts, it answers no questions"),
        (["answer", "ANSWER", "--question", "a"], 2, "--question and --context go together"),
        (["answer", "ANSWER", "--question", "a", "--context", "b", "-f", "x.csv"], 2, "give one of them"),
        (["answer", "ANSWER", "-f", "x.txt"], 2, "a .txt file has no columns question and context"),
        (["answer", "ANSWER", "-f", "SINGLE"], 1, "row 1 is a single text: give the columns question and context"),
        (["answer", "ANSWER", "--question", "a " * 20, "--context", "b"], 1, "cannot make the pair fit"),
        (["tag", "TAG", "a", "--aggregation", "mean"], 2, "is not one of"),
        (["vectors", "EMBED", "--texts", "SINGLE", "-o", "OUT"], 2, "give one of --characters and --words"),
        (["vectors", "TAG", "--words", "--texts", "SINGLE", "-o", "OUT"], 1, "tags texts, it gives no vectors"),
        (
            ["vectors", "EMBED", "--words", "--texts", "SINGLE", "-o", "OUT", "--source", "table"],
            1,
            "has no model.edgebert, which holds the table: use --source contextual",
        ),
        (
            ["vectors", "EMBED", "--words", "--texts", "SINGLE", "-o", "OUT", "--min-count", 9],
            1,
            "holds no word that occurs 9 times",
        ),
    ],
)
def test_misuse_is_one_line(
    run: Run,
    embed_bundle: Path,
    tag_bundle: Path,
    answer_bundle: Path,
    tmp_path: Path,
    arguments: list[Any],
    code: int,
    message: str,
) -> None:
    single = tmp_path / "single.jsonl"
    single.write_text('{"text": "light"}\n')
    places = {
        "EMBED": embed_bundle,
        "TAG": tag_bundle,
        "ANSWER": answer_bundle,
        "SINGLE": single,
        "OUT": tmp_path / "out.txt",
    }
    found = run(*(places.get(argument, argument) for argument in arguments))
    assert found.returncode == code
    assert found.stdout == b""
    assert message in found.stderr.decode()
    assert found.stderr.count(b"\n") == 1
    assert not (tmp_path / "out.txt").exists()


def test_vectors_of_words_are_means(run: Run, embed_bundle: Path, tmp_path: Path) -> None:
    texts = ["light on", "light off light"]
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    output = tmp_path / "vectors.txt"
    found = run("vectors", embed_bundle, "--words", "--texts", tmp_path / "texts.txt", "-o", output)
    assert (found.returncode, found.stdout) == (0, b"")
    assert found.stderr == b"edgebert: 3 words of 2 texts written\n"
    head, *lines = output.read_text().splitlines()
    assert head == "3 8"
    assert [line.split(" ")[0] for line in lines] == ["light", "on", "off"]
    encoder = edgebert.load(embed_bundle)
    assert isinstance(encoder, Encoder)
    tokens = encoder.read(texts)
    expected = np.mean([tokens[0].outputs[0], tokens[1].outputs[0], tokens[1].outputs[2]], axis=0)
    assert np.array(lines[0].split(" ")[1:], np.float32) == pytest.approx(expected, abs=1e-6)
