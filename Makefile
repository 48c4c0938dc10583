# make demo    set up, export a real BERT to INT8, compare it with FP32, label device commands
# make test    set up, run all tests
# make check   lint, types, layers, formats, generated files
# make bench   latency, tokenizer speed and accuracy on this machine

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
NATIVE = CMakeLists.txt $(shell find edgebert/native -type f)

.PHONY: demo test check bench test-python test-native fuzz setup
.DEFAULT_GOAL := test

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[export,demo,dev]"
	touch $@

demo: setup
	$(BIN)/edgebert export --int8 --target cpu --output build/demo/minilm.bundle --force
	$(BIN)/edgebert bench build/demo/minilm.bundle
	$(BIN)/python examples/quickstart.py build/demo/minilm.bundle
	$(BIN)/python examples/device_commands/train.py --output build/demo/device_commands

test: test-python test-native

test-python: setup
	$(BIN)/pytest -q

# the C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer
test-native: setup
	cmake -S . -B build/native -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGEBERT_SANITIZE=ON
	cmake --build build/native
	ctest --test-dir build/native --output-on-failure

fuzz: test-native
	build/native/fuzz_tokenizer --seconds 60

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

bench: setup
	$(BIN)/edgebert export --int8 --target cpu --output build/demo/minilm.bundle --force
	$(BIN)/edgebert bench build/demo/minilm.bundle
	$(BIN)/python benchmarks/tokenizer.py
