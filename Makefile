# `make` alone lists what there is to make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help env demo run test test-fast endurance lint format sources lock bench clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

$(STAMP): requirements.lock pyproject.toml
	@echo "Building the environment in $(VENV) from the hash-pinned lock (about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "$(PYTHON) is not Python 3.11 to 3.13; name one: make env PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@{ $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock \
		|| echo PIP-FAILED; } | awk '/^Collecting / {n++; if (n % 20 == 0) print "  " n " packages ..."; fflush()} \
		/^Installing collected/ {print "  installing " n " packages ..."; fflush()} \
		/^PIP-FAILED/ {failed = 1} END {exit failed}'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

env: $(STAMP)  ## Build the environment and write .env and Dagster's configuration
	@$(BIN)/steelyard doctor --prepare

demo: env  ## Make the demo company's exports
	@$(BIN)/steelyard demo

run: demo  ## Run the whole daily job on the demo company and show a scorecard
	@$(BIN)/steelyard run
	@$(BIN)/steelyard demo --acts
	@$(BIN)/steelyard run
	@$(BIN)/steelyard scorecard

test: env  ## Run all tests
	$(BIN)/python -m pytest

test-fast: env  ## Run the tests that take less than ten seconds each
	$(BIN)/python -m pytest -m "not slow and not endurance"

endurance: env  ## Run the long forms: faults, and a year of acts (an hour)
	$(BIN)/python -m pytest -m endurance -v -s tests/faults tests/orchestration

lint: env  ## Run the linters: ruff, mypy, import-linter, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint dbt_project

format: env  ## Put code and SQL into the project's form
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix dbt_project

sources: env  ## Write the dbt sources from the contracts
	$(BIN)/python -m orchestration.contracts.dbt_sources

lock: env  ## Pin all dependencies again, with hashes, for every supported Python
	$(BIN)/python -m pip install --quiet "uv>=0.13,<0.14"
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --no-annotate --no-strip-extras --output-file requirements.lock

bench: env  ## Measure where the time goes
	$(BIN)/python -m tests.benchmarks.daily_run
	$(BIN)/python -m tests.benchmarks.guard
	$(BIN)/python -W ignore -m tests.benchmarks.rules
	$(BIN)/python -m tests.benchmarks.mixed_models

clean:  ## Remove environment and all data
	rm -rf $(VENV) .steelyard .env
