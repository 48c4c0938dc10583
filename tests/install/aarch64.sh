#!/usr/bin/env bash
# Cross-builds for 64-bit Arm and runs the C++ tests and the firmware example under qemu: as a processor without dotprod,
# one with it and one with i8mm.
#   tests/install/aarch64.sh BUILD MODELS
set -euo pipefail
build=$1 models=$2
here=$(dirname "$0")
toolchain=$(realpath "$here/../../cmake/aarch64-linux-gnu.cmake")
for tool in aarch64-linux-gnu-g++ qemu-aarch64-static; do
    command -v $tool > /dev/null || { echo "SKIPPED: nothing was run for aarch64, $tool is not installed"; exit 0; }
done

cmake -S "$here/../.." -B "$build/tests" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$toolchain" \
    > /dev/null
cmake --build "$build/tests"
cmake --install "$build/tests" --prefix "$build/prefix" > /dev/null
for cpu in cortex-a53 cortex-a76 max; do
    echo "aarch64 under qemu as $cpu"
    export QEMU_CPU=$cpu
    ctest --test-dir "$build/tests" --output-on-failure
    RUN="qemu-aarch64-static -L /usr/aarch64-linux-gnu" "$here/firmware.sh" "$build/prefix" "$build/firmware" "$models" \
        -DCMAKE_TOOLCHAIN_FILE="$toolchain"
done
