"""The device readers on recorded machines."""

import dataclasses
import json
import platform
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.device import FEATURES, Device, this_device

EPYC_CPU = """processor	: {0}
vendor_id	: AuthenticAMD
cpu family	: 25
model		: 17
model name	: AMD EPYC 9354 32-Core Processor
flags		: fpu sse2 avx avx2 fma avx512f avx512bw avx512_vnni avx512_bf16

"""
PI_CPU = """processor	: {0}
BogoMIPS	: 108.00
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1

"""
ORIN_CPU = """processor	: {0}
model name	: ARMv8 Processor rev 1 (v8l)
BogoMIPS	: 62.50
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd42
CPU revision	: 1

"""
XAVIER_CPU = """processor	: {0}
model name	: ARMv8 Processor rev 0 (v8l)
BogoMIPS	: 62.50
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm dcpop
CPU implementer	: 0x4e
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0x004
CPU revision	: 0

"""
THOR_CPU = """processor	: {0}
BogoMIPS	: 2000.00
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics asimddp sve sve2 i8mm svei8mm bf16
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd83
CPU revision	: 1

"""
TEGRA = (
    "# R36 (release), REVISION: 4.7, GCID: 42132812, BOARD: generic, EABI: aarch64, "
    "DATE: Thu Sep 18 22:54:44 UTC 2025\n"
    "# KERNEL_VARIANT: oot\nTARGET_USERSPACE_LIB_DIR=nvidia\n"
)
ORIN_MODES = """# POWER_MODEL DEFINITIONS #
# MAXN is the NONE power model to release all constraints
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
# < POWER_MODEL ID=2 NAME=COMMENT >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=1 >
"""


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def uname(machine: str, release: str) -> platform.uname_result:
    return platform.uname_result("Linux", "host", release, "#1 SMP", machine)


def test_server_in_a_container_of_version_2_groups(tmp_path):
    root = tree(
        tmp_path,
        {
            "proc/cpuinfo": "".join(EPYC_CPU.format(cpu) for cpu in range(8)),
            "proc/meminfo": "MemTotal:       65536000 kB\nMemFree:        100 kB\n",
            "proc/self/status": "Name:\tpython\nCpus_allowed:\t0f\nCpus_allowed_list:\t0-2,5\n",
            "proc/self/cgroup": "0::/kubepods/pod1\n",
            "sys/fs/cgroup/cpu.max": "max 100000\n",
            "sys/fs/cgroup/kubepods/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/kubepods/pod1/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/kubepods/memory.max": "max\n",
            "sys/fs/cgroup/kubepods/pod1/memory.max": "2147483648\n",
            "etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n',
        },
    )
    device = this_device(root, uname("x86_64", "6.8.0-45-generic"))
    assert device.cpu == "AMD EPYC 9354 32-Core Processor"
    assert device.architecture == "x86_64"
    assert (device.logical_cpus, device.allowed_cpus, device.cpu_limit) == (8, 4, 1.5)
    assert device.features == ("avx2", "avx512f", "avx512_vnni")
    assert (device.memory_bytes, device.memory_limit_bytes) == (65536000 * 1024, 2 << 30)
    assert (device.board, device.l4t) == (None, None)
    assert (device.os, device.kernel) == ("Ubuntu 24.04.1 LTS", "6.8.0-45-generic")


def test_raspberry_pi_5(tmp_path):
    cpuinfo = "".join(PI_CPU.format(cpu) for cpu in range(4))
    root = tree(
        tmp_path,
        {
            "proc/cpuinfo": cpuinfo + "Revision\t: c04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "proc/meminfo": "MemTotal:        8255648 kB\n",
            "proc/self/status": "Cpus_allowed_list:\t0-3\n",
            "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        },
    )
    device = this_device(root, uname("aarch64", "6.6.51+rpt-rpi-2712"))
    assert (device.cpu, device.board) == ("Cortex-A76", "Raspberry Pi 5 Model B Rev 1.0")
    assert device.features == ("asimddp",)
    assert (device.logical_cpus, device.allowed_cpus, device.cpu_limit) == (4, 4, None)
    assert device.memory_limit_bytes is None


def test_jetson_orin(tmp_path):
    model = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
    root = tree(
        tmp_path,
        {
            "proc/cpuinfo": "".join(ORIN_CPU.format(cpu) for cpu in range(6)),
            "proc/device-tree/model": f"{model}\0",
            "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234\0",
            "proc/meminfo": "MemTotal:        7802740 kB\nMemFree:          900000 kB\nMemAvailable:    5123456 kB\n",
            "proc/self/cgroup": "4:memory:/user\n1:cpu,cpuacct:/user\n",
            "sys/fs/cgroup/cpu/user/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/user/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/user/memory.limit_in_bytes": "9223372036854771712\n",
            "etc/nv_tegra_release": TEGRA,
            "var/lib/nvpmodel/status": "pmode:0002\n",
            "etc/nvpmodel.conf": ORIN_MODES,
            "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release "
            "Build  (buildbrain@mobile-u64)  Thu Sep 18 15:00:00 PDT 2025\nGCC version: collect2: error\n",
            "usr/local/cuda/version.json": '{"cuda" : {"name" : "CUDA SDK", "version" : "12.6.11"}, "x": {}}',
        },
    )
    device = this_device(root, uname("aarch64", "5.15.148-tegra"))
    assert (device.cpu, device.logical_cpus) == ("Cortex-A78AE", 6)
    assert (device.board, device.l4t, device.jetpack) == (model, "36.4.7", "6.2.1")
    assert (device.chip, device.gpu, device.compute_capability) == ("tegra234", "Ampere (tegra234)", "8.7")
    assert (device.power_mode, device.driver, device.cuda) == ("MAXN_SUPER", "540.4.0", "12.6.11")
    assert (device.memory_bytes, device.memory_available_bytes) == (7802740 * 1024, 5123456 * 1024)
    assert (device.cpu_limit, device.memory_limit_bytes) == (None, None)
    assert device.os == "Linux"


def test_jetson_xavier_with_a_mode_that_has_no_name(tmp_path):
    root = tree(
        tmp_path,
        {
            "proc/cpuinfo": "".join(XAVIER_CPU.format(cpu) for cpu in range(8)),
            "proc/device-tree/model": "Jetson-AGX\0",
            "proc/device-tree/compatible": "nvidia,p2972-0000\0nvidia,tegra194\0",
            "etc/nv_tegra_release": "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64, "
            "DATE: Tue Aug  1 19:57:35 UTC 2023\n",
            "var/lib/nvpmodel/status": "pmode:0007\n",
        },
    )
    device = this_device(root, uname("aarch64", "5.10.120-tegra"))
    assert (device.cpu, device.features) == ("Carmel", ())
    assert (device.board, device.l4t, device.jetpack) == ("Jetson-AGX", "35.4.1", "5.1.2")
    assert (device.gpu, device.compute_capability, device.power_mode) == ("Volta (tegra194)", "7.2", "mode 7")


def test_jetson_thor(tmp_path):
    root = tree(
        tmp_path,
        {
            "proc/cpuinfo": "".join(THOR_CPU.format(cpu) for cpu in range(14)),
            "proc/device-tree/model": "NVIDIA Jetson AGX Thor Developer Kit\0",
            "proc/device-tree/compatible": "nvidia,p4071-0000+p3834-0008\0nvidia,p3834-0008\0nvidia,tegra264\0",
            "etc/nv_tegra_release": "# R38 (release), REVISION: 2.2, GCID: 42205042, BOARD: generic, EABI: aarch64\n",
        },
    )
    device = this_device(root, uname("aarch64", "6.8.12-tegra"))
    assert (device.cpu, device.features) == ("Neoverse-V3AE", ("asimddp", "i8mm", "sve"))
    assert (device.jetpack, device.chip, device.compute_capability) == ("7.0", "tegra264", "11.0")
    assert device.power_mode is None


def test_a_pc_with_an_nvidia_gpu(tmp_path):
    root = tree(
        tmp_path,
        {
            "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 "
            "19:39:15 UTC 2024\nGCC version:  gcc version 12.3.0\n",
            "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ: \t 147\n",
        },
    )
    device = this_device(root, uname("x86_64", "6.8"))
    assert (device.gpu, device.driver, device.compute_capability) == ("NVIDIA GeForce RTX 4090", "535.183.01", None)
    assert (device.jetpack, device.chip) == (None, None)


@pytest.mark.parametrize(
    ("release", "revision", "jetpack"),
    [
        ("32", "7.1", "4.6"),
        ("35", "1.0", "5.0.2"),
        ("35", "6.4", "5.1.6"),
        ("35", "9.9", "5"),
        ("36", "3.0", "6.0"),
        ("36", "4", "6.1"),
        ("36", "4.3", "6.2"),
        ("36", "5.0", "6.2.2"),
        ("38", "4.0", "7.1"),
        ("39", "2.0", "7.2"),
        ("41", "1.0", None),
    ],
)
def test_jetpack_follows_from_the_release(tmp_path, release, revision, jetpack):
    line = f"# R{release} (release), REVISION: {revision}, GCID: 1, BOARD: generic, EABI: aarch64\n"
    device = this_device(tree(tmp_path, {"etc/nv_tegra_release": line}), uname("aarch64", "5"))
    assert (device.l4t, device.jetpack) == (f"{release}.{revision}", jetpack)


def test_limits_of_version_1_groups(tmp_path):
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n",
            # inside a container the group is mounted at the top, whatever path the process sees
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
        },
    )
    device = this_device(root, uname("x86_64", "4.9"))
    assert (device.cpu_limit, device.memory_limit_bytes) == (2.5, 512 << 20)


def test_two_kinds_of_cores_and_an_unknown_one(tmp_path):
    other = PI_CPU.replace("0xd0b", "0xfff").replace(" asimddp", "")
    root = tree(tmp_path, {"proc/cpuinfo": PI_CPU.format(0) + other.format(1) + PI_CPU.format(2)})
    device = this_device(root, uname("aarch64", "6"))
    assert device.cpu == "Cortex-A76 + ARM implementer 0x41 part 0xfff"
    assert device.features == ()  # a feature that one core lacks cannot be used


def test_an_empty_tree_is_all_unknown(tmp_path):
    device = this_device(tmp_path, uname("", ""))
    known = {"os": "Linux", "features": (), "python": device.python, "numpy": device.numpy}
    known |= {"onnxruntime": device.onnxruntime, "tensorrt": device.tensorrt}
    assert dataclasses.asdict(device) == {field.name: known.get(field.name) for field in dataclasses.fields(Device)}


def test_folders_instead_of_files_are_unknown(tmp_path):
    (tmp_path / "proc/cpuinfo").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").mkdir(parents=True)
    device = this_device(tmp_path, uname("x86_64", "6"))
    assert (device.cpu, device.board) == (None, None)


@given(st.text(max_size=300), st.text(max_size=40))
def test_no_content_makes_it_fail(tmp_path_factory, text, line):
    root = tree(
        tmp_path_factory.mktemp("tree"),
        {
            "proc/cpuinfo": f"{text}\nCPU implementer : {line}\nCPU part : {line}\nflags : {line}\n",
            "proc/meminfo": f"MemTotal: {line} kB\n{text}",
            "proc/self/status": f"Cpus_allowed_list:\t{line}\n",
            "proc/self/cgroup": f"0::/\n{text}",
            "sys/fs/cgroup/cpu.max": line,
            "sys/fs/cgroup/memory.max": line,
            "proc/device-tree/model": text,
            "etc/os-release": f"PRETTY_NAME={line}",
            "etc/nv_tegra_release": text,
            "proc/device-tree/compatible": text,
            "proc/driver/nvidia/version": f"NVRM version: {text}",
            "proc/driver/nvidia/gpus/0/information": f"Model: {line}",
            "usr/local/cuda/version.json": text,
            "var/lib/nvpmodel/status": f"pmode:{line}",
            "etc/nvpmodel.conf": f"< POWER_MODEL ID={line} NAME={line} >\n{text}",
        },
    )
    assert set(this_device(root, uname("x86_64", "6")).features) <= set(FEATURES)


def test_this_machine_is_described_in_json():
    device = this_device()
    document = json.loads(json.dumps(dataclasses.asdict(device)))
    assert document["python"] == platform.python_version()
    assert set(device.features) <= set(FEATURES)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
def test_linux_knows_its_cpus():
    device = this_device()
    assert device.allowed_cpus is not None and device.allowed_cpus >= 1
    assert device.memory_bytes is not None and device.memory_bytes > 0
