# The README's two commands: `make train` and `make test`. Both set up what they need first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXPERIMENT ?= quickstart

.DEFAULT_GOAL := help
.PHONY: help setup train test test-slow speed lint docs format clean

help:
	@echo "make train   set up, then train and compare on the embedded corpus (about a minute after set-up)"
	@echo "make test    set up, then run the tests"
	@echo "make test-slow  the tests that take minutes: kills, servers, Spark, Ray, further models"
	@echo "make mutants    small faults put into the code: does a test notice? (a sample; tests/mutants.md)"
	@echo "make speed   whole commands against what a user would run instead, beside the record (minutes)"
	@echo "make lint    ruff, mypy and the layers of imports"
	@echo "make docs    the documentation as a site: docs/_build/html/index.html"
	@echo "make clean   remove the virtual environment and everything made"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	@echo "Installing (about two minutes the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

train: setup
	$(BIN)/naba train +experiment=$(EXPERIMENT) -m
	$(BIN)/naba compare
	@echo "Open the MLflow UI: $(BIN)/naba ui"

test: setup
	$(BIN)/python -m pytest -n 2 -m "not slow and not spark and not ray"

test-slow: setup
	$(BIN)/python -m pytest -n 2 -m "slow or spark or ray"

speed: setup
	OMP_NUM_THREADS=1 $(BIN)/python experiments/speed/training.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/python -m sphinx -W -q -b html docs docs/_build/html

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs dist build docs/_build .pytest_cache .mypy_cache .ruff_cache

.PHONY: mutants
mutants: setup
	$(BIN)/python tests/mutants.py
