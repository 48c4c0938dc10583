"""What only machines with an NVIDIA GPU have: the chip of a Jetson, its JetPack and power mode, drivers, GPUs."""

import re
from pathlib import Path

from edgebert.device.sources import first, read

# system on chip, its GPU and the GPU's compute capability, from the CUDA GPU list
_CHIPS = {
    "tegra210": ("Maxwell", "5.3"),  # TX1, Nano
    "tegra186": ("Pascal", "6.2"),  # TX2
    "tegra194": ("Volta", "7.2"),  # Xavier
    "tegra234": ("Ampere", "8.7"),  # Orin
    "tegra264": ("Blackwell", "11.0"),  # Thor
}

# releases of NVIDIA's Linux for Tegra to JetPack, from the pages of the JetPack archive; the longest start wins
_JETPACKS = {
    "32": "4",
    "32.4": "4.4",
    "32.5": "4.5",
    "32.6": "4.6",
    "32.7": "4.6",
    "34": "5.0",
    "35": "5",
    "35.1": "5.0.2",
    "35.2": "5.1",
    "35.3": "5.1.1",
    "35.4": "5.1.2",
    "35.5": "5.1.3",
    "35.6.0": "5.1.4",
    "35.6.1": "5.1.5",
    "35.6.4": "5.1.6",
    "36": "6",
    "36.3": "6.0",
    "36.4.0": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",
    "36.4.7": "6.2.1",
    "36.5": "6.2.2",
    "38": "7",
    "38.2": "7.0",
    "38.4": "7.1",
    "39": "7",
    "39.2": "7.2",
}


def l4t(root: Path) -> str | None:
    """Turn "# R36 (release), REVISION: 4.3, ..." of /etc/nv_tegra_release into "36.4.3"."""
    found = re.search(r"R(\d+) \(release\), REVISION: (\d+(?:\.\d+)*)", read(root, "etc/nv_tegra_release"))
    return f"{found[1]}.{found[2]}" if found else None


def jetpack(release: str | None) -> str | None:
    """Return the JetPack that brought a release of Linux for Tegra; only its first number where no more is known."""
    parts = (release or "").split(".")
    parts += ["0"] * (3 - len(parts))  # "36.4" is 36.4.0
    starts = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return first(_JETPACKS[start] for start in starts if start in _JETPACKS)


def chip(root: Path) -> str | None:
    """Return the system on chip, for example "tegra234", from what the device tree says it is compatible with."""
    names = read(root, "proc/device-tree/compatible").split("\0")
    return first(chip for name in names if (chip := name.removeprefix("nvidia,")) in _CHIPS)


def gpu_name(root: Path) -> str | None:
    """Return the name of the GPU: a Jetson's by its chip, any other's as its driver writes it."""
    known = chip(root)
    if known is not None:
        return f"{_CHIPS[known][0]} ({known})"
    try:
        folders = sorted((root / "proc/driver/nvidia/gpus").iterdir())
    except OSError:
        return None
    texts = (read(root, f"proc/driver/nvidia/gpus/{folder.name}/information") for folder in folders)
    return first(found[1].strip() for text in texts if (found := re.search(r"^Model:\s*(.+)$", text, re.MULTILINE)))


def compute_capability(root: Path) -> str | None:
    """Return the compute capability of a Jetson's GPU, for example "8.7"; that of other GPUs is in no file."""
    known = chip(root)
    return None if known is None else _CHIPS[known][1]


def driver(root: Path) -> str | None:
    """Return the version of NVIDIA's kernel driver."""
    found = re.search(
        r"^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s", read(root, "proc/driver/nvidia/version"), re.MULTILINE
    )
    return found[1] if found else None


def cuda(root: Path) -> str | None:
    """Return the version of the CUDA toolkit in /usr/local/cuda."""
    text = read(root, "usr/local/cuda/version.json")
    found = re.search(r'"cuda"\s*:\s*\{[^}]*"version"\s*:\s*"([\d.]+)"', text)
    return found[1] if found else None


def power_mode(root: Path) -> str | None:
    """Return the name of the mode that nvpmodel has set, for example "MAXN"; its number where the name is unknown."""
    found = re.search(r"^pmode:(\d{1,9})", read(root, "var/lib/nvpmodel/status"), re.MULTILINE)
    if not found:
        return None
    modes = re.findall(
        r"^<\s*POWER_MODEL\s+ID=(\d{1,9})\s+NAME=(\S+)\s*>", read(root, "etc/nvpmodel.conf"), re.MULTILINE
    )
    names: dict[int, str] = {int(number): name for number, name in modes}
    return names.get(int(found[1]), f"mode {int(found[1])}")
