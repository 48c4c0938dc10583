#!/usr/bin/env bash
# The firmware example under valgrind: no error, nothing lost.
#   tests/install/valgrind.sh PREFIX BUILD MODELS
set -euo pipefail
command -v valgrind > /dev/null || { echo "SKIPPED: nothing was run under valgrind, it is not installed"; exit 0; }
RUN="valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=all" "$(dirname "$0")/firmware.sh" "$@"
