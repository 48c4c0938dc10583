"""Estimate the inner loops of CPUs that are not here with llvm-mca, as a Markdown table.

    python tools/estimate_kernels.py [--mca llvm-mca-19]

Each path's product is compiled to assembly as it is, its loop over the inputs found by its multiply instructions, and
the loop run through the model of a CPU with all data in the first-level cache. The share is of the
cycles that its multiply instructions alone take there.
"""

import argparse
import dataclasses
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
KERNELS = ROOT / "edgebert" / "native" / "engine" / "kernels"
X86_PATH = ("-mavx2", "-mfma")


@dataclasses.dataclass(frozen=True)
class CpuPath:
    """A CPU path: how it is compiled, and what multiplies in it."""

    source: str
    compiler: str
    flags: tuple[str, ...]
    multiply: str
    rows: int
    panels: int
    lanes: int  # multiply-accumulates of an instruction


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A path on a CPU of llvm-mca."""

    path: CpuPath
    cpu: str
    stands_for: str


DOTPROD = CpuPath("path_neon_dotprod", "aarch64-linux-gnu-g++", ("-march=armv8.2-a+dotprod",), "sdot", 4, 1, 16)
I8MM = CpuPath("path_neon_i8mm", "aarch64-linux-gnu-g++", ("-march=armv8.2-a+dotprod+i8mm",), "smmla", 6, 1, 32)
AVX_VNNI = CpuPath("path_avx_vnni", "g++", (*X86_PATH, "-mavxvnni"), "vpdpbusd", 6, 1, 32)
AVX512_VNNI = CpuPath(
    "path_avx512_vnni",
    "g++",
    (*X86_PATH, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni"),
    "vpdpbusd",
    12,
    2,
    64,
)
ESTIMATES = (
    Estimate(DOTPROD, "neoverse-n1", "Cortex-A76, A78AE"),
    Estimate(DOTPROD, "neoverse-v2", "Neoverse V2"),
    Estimate(I8MM, "neoverse-v2", "Neoverse V2"),
    Estimate(AVX_VNNI, "alderlake", "Alder Lake"),
    Estimate(AVX512_VNNI, "sapphirerapids", "Sapphire Rapids"),
)


def assembly(path: CpuPath, folder: Path) -> list[str]:
    """Compile a path and return the lines of its assembly."""
    output = folder / f"{path.source}.s"
    flags = ["-std=c++17", "-O3", "-DNDEBUG", "-ffp-contract=off", "-fno-math-errno", "-fPIC", *path.flags]
    source = KERNELS / f"{path.source}.cpp"
    subprocess.run([path.compiler, *flags, "-S", "-o", output, source], check=True, stderr=subprocess.DEVNULL)
    return output.read_text(encoding="utf-8").splitlines()


def multiplies(line: str, path: CpuPath) -> bool:
    """Tell whether a line of assembly is a multiply instruction of a path."""
    return re.match(rf"\s+(?:{{vex}}\s+)?{path.multiply}\b", line) is not None


def main_loop(lines: list[str], path: CpuPath, count: int) -> list[str]:
    """Return the body of the shortest loop with exactly `count` multiply instructions."""
    labels = {match[1]: at for at, line in enumerate(lines) if (match := re.match(r"(\.L\d+):", line))}
    bodies = []
    for at, line in enumerate(lines):
        jump = re.match(r"\s+(?:j[a-z]+|b(?:\.?[a-z]+)?|cbn?z\s+\w+,)\s+(\.L\d+)\s*$", line)
        if jump and labels.get(jump[1], at) < at:
            body = lines[labels[jump[1]] + 1 : at + 1]
            if sum(multiplies(each, path) for each in body) == count:
                bodies.append([each for each in body if not re.match(r"\s*[.#]", each)])
    if not bodies:
        raise SystemExit(f"{path.source}: no loop has {count} {path.multiply}")
    return min(bodies, key=len)


def cycles(mca: str, body: list[str], estimate: Estimate) -> tuple[float, float]:
    """Return the cycles a turn in the steady state, and those that the busiest unit needs."""
    arm = "aarch64" in estimate.path.compiler
    target = ["-mtriple=aarch64-linux-gnu"] if arm else ["-mtriple=x86_64-linux-gnu"]
    command = [mca, *target, f"-mcpu={estimate.cpu}", "-iterations=200"]
    # GCC lets the assembler turn a prefetch behind the pointer into prfum
    text = "".join(re.sub(r"\bprfm(?=.*, -)", "prfum", line) + "\n" for line in body)
    report = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    total, busiest = (re.search(rf"{name}:\s+([\d.]+)", report) for name in ("Total Cycles", "Block RThroughput"))
    if total is None or busiest is None:
        raise SystemExit(f"{mca} said nothing of cycles")
    return float(total[1]) / 200, float(busiest[1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mca", default="llvm-mca-19")
    arguments = parser.parse_args()
    print("| path | CPU in llvm-mca | stands for | tile | cycles a turn | least possible | share |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for estimate in ESTIMATES:
            path = estimate.path
            turn = 8 if path.multiply == "smmla" else 16  # inputs
            count = path.rows * path.panels * 16 * turn // path.lanes
            body = main_loop(assembly(path, Path(name)), path, count)
            alone = [line for line in body if multiplies(line, path)]
            spent, least = cycles(arguments.mca, body, estimate)[0], cycles(arguments.mca, alone, estimate)[1]
            print(
                f"| {path.source.removeprefix('path_')} | {estimate.cpu} | {estimate.stands_for} | {path.rows} x "
                f"{16 * path.panels} x {turn} | {spent:.1f} | {least:.1f} | {least / spent:.0%} |"
            )


if __name__ == "__main__":
    main()
