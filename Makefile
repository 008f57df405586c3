# make reproduce   set everything up and run the main job on built-in data
# make test        set everything up and run the tests
# make install-check   install in every way, with and without compilers
# make check       lint, types, layers and tests

PYTHON ?= python3
VENV ?= .venv
SCALE ?= smoke
DATA ?=
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: setup reproduce test lint check install-check benchmark clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt hatch_build.py $(wildcard kernels/*.h kernels/*.cpp kernels/*.cu)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

reproduce: $(INSTALLED)
	$(BIN)/synth reproduce --scale $(SCALE) $(if $(DATA),--data $(DATA))

test: $(INSTALLED)
	$(BIN)/pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

install-check: $(INSTALLED)
	$(BIN)/python -m tests.install.matrix

benchmark: $(INSTALLED)
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/blocks.py
	$(BIN)/python benchmarks/shaping.py
	$(BIN)/python benchmarks/recurrence.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
