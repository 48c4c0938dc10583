#!/usr/bin/env bash
# Checks an installed edgebert: users' builds against it, exported names, size.
#   tests/install/library.sh PREFIX BUILD
set -euo pipefail
prefix=$(realpath "$1") build=$2
here=$(dirname "$0")
library=$(find "$prefix" -name libedgebert.so)

cmake -S "$here" -B "$build" -DCMAKE_PREFIX_PATH="$prefix" > /dev/null
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure

PKG_CONFIG_PATH=$(dirname "$library")/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
cc -std=c99 $(pkg-config --cflags edgebert) "$here/main.c" $(pkg-config --libs edgebert) -o "$build/by_pkg_config"
LD_LIBRARY_PATH=$(dirname "$library") "$build/by_pkg_config"

strip -o "$build/stripped.so" "$library"
size=$(stat -c %s "$build/stripped.so")
echo "libedgebert.so has $size bytes stripped"
test "$size" -lt 1000000
foreign=$(nm -D --defined-only "$library" | awk '$3 !~ /^edgebert_/ { print $3 }')
test -z "$foreign" || { echo "exported by mistake: $foreign"; exit 1; }
