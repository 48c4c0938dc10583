"""How much memory calibrating with many texts takes beyond the model.

    python benchmarks/calibration_memory.py [--texts 100000] [--model CHECKPOINT]

Writes that many different texts of 5 to 400 words to a temporary .jsonl file, and compares the peak of a process that
calibrates with all of them with that of one that calibrates with 32 short ones, and with one that only loads the model.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from edgebert.calibration import builtin_texts

LOAD = "from edgebert.export.checkpoint import load_checkpoint; load_checkpoint({model!r}, 'auto', 'model')"
CALIBRATE = """
from edgebert.export.calibrate import CalibrationRecipe, calibrate_checkpoint
print(calibrate_checkpoint(CalibrationRecipe(model={model!r}, source={texts!r}))[1].texts_read)
"""
PEAK = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"  # MiB on Linux


def peak(code: str) -> int:
    """Return the peak of resident memory of a Python process in MiB."""
    done = subprocess.run([sys.executable, "-c", code + PEAK], check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def write(path: Path, count: int, most: int) -> Path:
    generator = random.Random(0)
    words = " ".join(builtin_texts()).split()
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            text = " ".join(generator.choices(words, k=generator.randint(5, most)))
            file.write(json.dumps({"text": f"{number} {text}"}) + "\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        many = write(Path(folder) / "many.jsonl", arguments.texts, 400)
        few = write(Path(folder) / "few.jsonl", 32, 10)
        size = many.stat().st_size / 1e6
        loaded = peak(LOAD.format(model=arguments.model))
        small = peak(CALIBRATE.format(model=arguments.model, texts=str(few)))
        large = peak(CALIBRATE.format(model=arguments.model, texts=str(many)))
    print(f"{arguments.texts} texts, {size:.0f} MB")
    print(f"peak: model loaded {loaded} MiB, calibrated with 32 texts {small} MiB, with all {large} MiB")
    print(f"above the loaded model: {large - loaded} MiB")


if __name__ == "__main__":
    main()
