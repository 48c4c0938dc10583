# make demo    set up, export a real BERT to INT8, compare it with FP32, label device commands
# make test    set up, run all tests
# make check   lint, types, layers, formats, generated files
# make bench   latency, tokenizer speed and accuracy on this machine

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# cmake, ctest and ninja are those that the development set brings
export PATH := $(abspath $(BIN)):$(PATH)
NATIVE = CMakeLists.txt $(shell find edgebert/native -type f)
CMAKE = cmake -S . -G Ninja
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all

.PHONY: demo test check bench test-python test-native test-options test-library test-aarch64 fuzz library setup
.DEFAULT_GOAL := test

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[train,demo,dev,tensorrt-check]"
	touch $@

demo: setup
	$(BIN)/edgebert export --int8 --target cpu --output build/demo/minilm.bundle --force
	$(BIN)/edgebert bench build/demo/minilm.bundle
	$(BIN)/python examples/quickstart.py build/demo/minilm.bundle
	$(BIN)/python examples/device_commands/train.py --output build/demo/device_commands

test: test-python test-native test-options test-library

test-python: setup library
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist loadfile

# the C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer
test-native: setup
	$(CMAKE) -B build/native -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGEBERT_SANITIZE=ON
	cmake --build build/native
	ctest --test-dir build/native --parallel 2 --output-on-failure

fuzz: test-native
	build/native/fuzz_tokenizer --seconds 60
	build/native/fuzz_model --seconds 60

# libedgebert in build/library, and installed as a user has it in build/prefix
library: setup
	$(CMAKE) -B build/library -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF
	cmake --build build/library
	cmake --install build/library --prefix build/prefix > /dev/null

# the library without the engine, and with the scalar path alone
test-options: setup
	$(CMAKE) -B build/tokenizer_only -DEDGEBERT_TOKENIZER_ONLY=ON
	cmake --build build/tokenizer_only
	ctest --test-dir build/tokenizer_only --parallel 2 --output-on-failure
	$(CMAKE) -B build/scalar_only -DEDGEBERT_KERNELS= -DEDGEBERT_BUILD_SHARED=OFF
	cmake --build build/scalar_only
	ctest --test-dir build/scalar_only --parallel 2 --output-on-failure

# the installed library, and the firmware example: plain, under valgrind and under the sanitizers
test-library: setup library test-native build/models
	tests/install/library.sh build/prefix build/install_test
	tests/install/firmware.sh build/prefix build/firmware build/models
	tests/install/valgrind.sh build/prefix build/firmware build/models
	tests/install/x86.sh build/prefix build/firmware build/models
	cmake --install build/native --prefix build/prefix_sanitized > /dev/null
	tests/install/firmware.sh build/prefix_sanitized build/firmware_sanitized build/models \
	  -DCMAKE_C_FLAGS="$(SANITIZE)" -DCMAKE_CXX_FLAGS="$(SANITIZE)"

# the C++ tests and the firmware example for 64-bit Arm under qemu; minutes
test-aarch64: setup build/models
	tests/install/aarch64.sh build/aarch64 build/models

build/models: setup tests/c_models.py tests/engine_models.py
	rm -rf $@
	$(BIN)/python tests/c_models.py $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/types
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -Cwheel.cmake=false --target build/types .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.cpp' '*.h')
	$(BIN)/python tools/make_unicode_tables.py --check
	$(BIN)/python tools/make_cli_docs.py --check
	$(BIN)/python tools/make_lint_docs.py --check

bench: setup
	$(BIN)/edgebert export --int8 --target cpu --output build/demo/minilm.bundle --force
	$(BIN)/edgebert bench build/demo/minilm.bundle
	$(BIN)/python benchmarks/tokenizer.py
