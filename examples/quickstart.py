"""Make vectors with a bundle and see which sentences mean the same.

edgebert export --int8 --target cpu --output minilm.bundle
python examples/quickstart.py minilm.bundle
"""

import sys

import edgebert

SENTENCES = [
    "How do I reset the device to factory settings?",
    "What are the steps for a factory reset?",
    "The battery lasts about two days.",
    "It runs for roughly forty-eight hours on one charge.",
]


def main(bundle: str) -> None:
    model = edgebert.load(bundle)
    assert isinstance(model, edgebert.Encoder)
    vectors = model.encode(SENTENCES)  # float32 [sentences, dimension], unit length
    similarity = vectors @ vectors.T
    for row, sentence in zip(similarity, SENTENCES, strict=True):
        print("  ".join(f"{value:5.2f}" for value in row), f"  {sentence}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/quickstart.py BUNDLE")
    main(sys.argv[1])
