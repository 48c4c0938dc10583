#!/usr/bin/env bash
# The firmware example under qemu as an x86 processor without AVX2, where the scalar path runs, and as one without VNNI.
#   tests/install/x86.sh PREFIX BUILD MODELS
set -euo pipefail
test "$(uname -m)" = x86_64 || { echo "SKIPPED: this machine is no x86-64"; exit 0; }
command -v qemu-x86_64-static > /dev/null || { echo "SKIPPED: qemu-x86_64-static is not installed"; exit 0; }
for cpu in Nehalem Haswell; do
    RUN="qemu-x86_64-static -cpu $cpu" "$(dirname "$0")/firmware.sh" "$@"
done
