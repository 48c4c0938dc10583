"""The CPU, from /proc/cpuinfo."""

from pathlib import Path

from edgebert.device.sources import first, read

FEATURES = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm", "sve")  # what INT8 kernels use

# (implementer, part) of /proc/cpuinfo to a name, from the Main ID Register tables of the cores' manuals
_ARM_CORES = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4B): "Cortex-A78C",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720",
    (0x41, 0xD83): "Neoverse-V3AE",
    (0x4E, 0x003): "Denver 2",
    (0x4E, 0x004): "Carmel",
}


def cpuinfo(root: Path) -> dict[str, list[str]]:
    """Return every field of /proc/cpuinfo with its values in the order of the CPUs."""
    fields: dict[str, list[str]] = {}
    for line in read(root, "proc/cpuinfo").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), []).append(value.strip())
    return fields


def cpu_name(fields: dict[str, list[str]]) -> str | None:
    """Return the model name, or the names of the ARM cores joined by " + "."""
    implementers, parts = fields.get("CPU implementer", ()), fields.get("CPU part", ())
    cores = [_core_name(*pair) for pair in zip(implementers, parts, strict=False)]
    # 64-bit ARM kernels may also write a model name, but a generic one ("ARMv8 Processor rev 1 (v8l)")
    return " + ".join(dict.fromkeys(cores)) or first(fields.get("model name", []))


def _core_name(implementer: str, part: str) -> str:
    try:
        known = _ARM_CORES.get((int(implementer, 16), int(part, 16)))
    except ValueError:
        known = None
    return known or f"ARM implementer {implementer} part {part}"


def features(fields: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the features that all CPUs have: x86 lists them as "flags", ARM as "Features"."""
    every = [set(line.split()) for line in (*fields.get("flags", ()), *fields.get("Features", ()))]
    common = set.intersection(*every) if every else set()
    return tuple(name for name in FEATURES if name in common)
