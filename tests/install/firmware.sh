#!/usr/bin/env bash
# Builds the firmware example against an installed edgebert and compares what it prints for a model of each task.
#   tests/install/firmware.sh PREFIX BUILD MODELS [CMAKE_ARGUMENT...]
# The variable RUN is put before the program: "valgrind ...", "qemu-aarch64-static ...". What the first run prints is
# kept beside the models; every later one must print the same: bits do not depend on the machine.
set -euo pipefail
prefix=$(realpath "$1") build=$2 models=$3
shift 3
here=$(dirname "$0")

cmake -S "$here/../../examples/firmware" -B "$build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_FIND_ROOT_PATH="$prefix" \
    "$@" > /dev/null
cmake --build "$build"
for model in embed classify tag answer; do
    # shellcheck disable=SC2086
    ${RUN:-} "$build/firmware" "$models/$model.edgebert" < "$here/lines.txt" > "$build/$model.txt"
    test "$(wc -l < "$build/$model.txt")" = "$(wc -l < "$here/lines.txt")"
    test -e "$models/$model.txt" || cp "$build/$model.txt" "$models/$model.txt"
    cmp "$build/$model.txt" "$models/$model.txt"
done
# shellcheck disable=SC2086
if ${RUN:-} "$build/firmware" "$here/lines.txt" 2> "$build/why.txt" || ! grep -q lines.txt "$build/why.txt"; then
    echo "a file that is no model was not refused" && exit 1
fi
echo "firmware: ${RUN:-native} prints the same"
