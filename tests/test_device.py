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
TEGRA = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n"


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
    root = tree(
        tmp_path,
        {
            "proc/cpuinfo": "".join(ORIN_CPU.format(cpu) for cpu in range(6)),
            "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
            "proc/meminfo": "MemTotal:        7802740 kB\n",
            "proc/self/cgroup": "4:memory:/user\n1:cpu,cpuacct:/user\n",
            "sys/fs/cgroup/cpu/user/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/user/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/user/memory.limit_in_bytes": "9223372036854771712\n",
            "etc/nv_tegra_release": TEGRA,
        },
    )
    device = this_device(root, uname("aarch64", "5.15.148-tegra"))
    assert (device.cpu, device.logical_cpus) == ("Cortex-A78AE", 6)
    assert (device.board, device.l4t) == ("NVIDIA Jetson Orin Nano Developer Kit", "36.4.3")
    assert (device.cpu_limit, device.memory_limit_bytes) == (None, None)
    assert device.os == "Linux"


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
