# Adloom. `make` prints the targets; `make demo` and `make test` set everything up.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# Two processes fill two cores; threads of BLAS that wait by spinning would slow both.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
CODE := schemas model_export streams tests benchmarks docs/examples

.PHONY: help setup demo test test-slow test-kafka fuzz format generate check bench clean

help: ## Print the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.complete ## Install everything into .venv

.venv/.complete: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[local,train,dev]'
	@touch $@

demo: setup ## Run the whole loop on real input (ARGS=--json for one object on stdout)
	@$(BIN)/adloom demo $(ARGS)

test: setup ## Run the tests, in two processes, each test file in one of them
	$(ONE_THREAD) $(BIN)/pytest -m 'not slow' --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

test-slow: setup ## Run the tests that take minutes
	$(BIN)/pytest -m slow $(ARGS)

test-kafka: setup ## Run the tests that need Apache Kafka
	$(BIN)/pytest -m kafka $(ARGS)

fuzz: setup ## Feed hostile bytes to the compiled code under AddressSanitizer (ARGS=600: seconds)
	@$(BIN)/python -m tests.fuzz $(ARGS)

format: setup ## Format the code
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

generate: setup ## Write what is derived: records, asyncapi.yaml, compose, tables and pictures of docs
	$(BIN)/python -m schemas
	$(BIN)/python -m tests.generated

check: setup ## Format check, lint, types, import order, schemas, tests
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	PATH="$(BIN):$$PATH" cython-lint streams
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas --check
	$(MAKE) test

bench: setup ## Measure this machine, beside the peers (ARGS="--list", "preferences --json", ...)
	@$(BIN)/adloom bench $(ARGS)

clean: ## Remove the environment, caches and local data
	rm -rf .venv var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
