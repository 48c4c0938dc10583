"""Pre-train small BERTs from scratch: masked characters in Chinese, and next sentences in English.

    python benchmarks/pretraining.py ../shared/data [--output build/pretraining]

Reads zh_text, text/wikitext-2 and two vocabularies of the folder. The Chinese model is judged on held-out lines and
gives a vector for every character, which gensim loads. Next sentences are learned by heart from 200 pairs, and from all
pairs with every 50th held out. One JSON object comes out. It takes about half an hour on two cores.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gensim
import torch
import transformers
from commands import edgebert, exported

from edgebert.export.train.corpus import pairs_of

CONFIG = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
HELD_OUT = 50  # every so many-th pair is held out by `edgebert pretrain`
BY_HEART = 200  # pairs


def metrics(checkpoint: Path) -> dict[str, float]:
    """Return what `edgebert pretrain` measured on the lines that it held out."""
    report = json.loads((checkpoint / "training.json").read_text(encoding="utf-8"))
    found: dict[str, float] = report["runs"][0]["metrics"]
    return found


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of WikiText, an empty line after each article."""
    for line in map(str.strip, text.split("\n")):
        if re.fullmatch(r"= [^=].* =", line):
            yield ""
        elif line and not line.startswith("="):
            yield from (part for part in re.split(r"(?<= [.!?]) ", line) if part.count(" ") > 2)


def right_by_heart(checkpoint: Path, corpus: Path) -> float:
    """Return the share of the pairs that were trained on and are judged right, by transformers itself."""
    model = transformers.BertForPreTraining.from_pretrained(checkpoint).eval()
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(checkpoint)
    pairs = [pair for at, pair in enumerate(pairs_of(corpus, True, 0)) if at % HELD_OUT != HELD_OUT - 1]
    texts = tokenizer(
        [(str(first), str(second)) for first, second, _ in pairs],
        padding=True,
        truncation=True,
        max_length=128,
        return_tensors="pt",
    )
    with torch.inference_mode():
        found = model(**texts).seq_relationship_logits.argmax(dim=1)
    return float((found == torch.tensor([wrong for *_, wrong in pairs])).float().mean())


def chinese(data: Path, output: Path, config: Path) -> dict[str, Any]:
    """Learn masked characters, then write a vector for every character and let gensim read them."""
    corpus, checkpoint, vectors = data / "zh_text/tnews_unlabelled.txt", output / "chinese", output / "characters.txt"
    vocabulary = ["--vocabulary", data / "vocabs/bert-base-chinese/vocab.txt"]
    flags = ["--config", config, "--epochs", 3, "--max-tokens", 64, "--force"]
    seconds = edgebert("pretrain", "--corpus", corpus, *vocabulary, *flags, "--output", checkpoint)
    bundle = exported(checkpoint, corpus, "--task", "embed")
    edgebert("vectors", bundle, "--characters", "--texts", corpus, "--output", vectors)
    loaded = gensim.models.KeyedVectors.load_word2vec_format(str(vectors))
    near = {character: [name for name, _ in loaded.most_similar(character, topn=3)] for character in "女车一"}
    return {
        "seconds": round(seconds),
        **metrics(checkpoint),
        "characters": len(loaded),
        "width": loaded.vector_size,
        "near": near,
    }


def next_sentences(data: Path, output: Path, config: Path) -> dict[str, Any]:
    """Learn next sentences of a few pairs by heart, and of all of them."""
    lines = list(sentences((data / "text/wikitext-2/test.txt").read_text(encoding="utf-8")))
    few = [line for line in lines if line][: BY_HEART + BY_HEART // HELD_OUT + 1]
    vocabulary = ["--vocabulary", data / "vocabs/bert-base-uncased/vocab.txt", "--config", config, "--next-sentence"]
    for name, chosen, epochs in (("by_heart", few, 60), ("all", lines, 2)):
        corpus = output / f"{name}.txt"
        corpus.write_text("\n".join(chosen) + "\n", encoding="utf-8")
        edgebert("pretrain", "--corpus", corpus, *vocabulary, "--epochs", epochs, "--force", "--output", output / name)
    by_heart = right_by_heart(output / "by_heart", output / "by_heart.txt")
    return {"right_of_200_pairs": by_heart, "all": metrics(output / "all")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build/pretraining"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    config = arguments.output / "config.json"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    result = {
        "chinese": chinese(arguments.data, arguments.output, config),
        "next_sentences": next_sentences(arguments.data, arguments.output, config),
    }
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
