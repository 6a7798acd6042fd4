# Targets. Each sets up the environment that it needs.
#   make demo    Run the main job on drawn clips.
#   make test    Run the tests, except for slow ones.
#   make slow    Run the tests that take over ten seconds: long runs, kills, 2,000 damaged files.
#   make lint    Run the linters.
#   make docs    Build the site.
#   make bench   Run the quick benchmarks, in under 10 minutes.
#   make smoke   Build the wheel and the sdist, and test them in an empty environment.
#   make clean   Remove the environment and all generated files.
#
# Variables.
#   PYTHON       Interpreter for the environment, 3.11 or newer.
#   VENV         Folder of the environment.
#   CONSTRAINTS  File of versions. constraints-oldest.txt has the oldest, /dev/null means the newest.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS)
STAMPS := $(VENV)/stamps

.PHONY: demo test slow lint docs bench smoke clean

demo: $(STAMPS)/run
	$(BIN)/m3s demo

test: $(STAMPS)/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

slow: $(STAMPS)/test
	$(BIN)/python -m pytest -m slow

lint: $(STAMPS)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

docs: $(STAMPS)/test
	$(BIN)/python -m sphinx -n -W --keep-going -b html docs docs/_build/html

bench: $(STAMPS)/test
	$(BIN)/python benchmarks/run.py

smoke:
	PYTHON=$(PYTHON) CONSTRAINTS=$(CONSTRAINTS) .ci/smoke

clean:
	rm -rf $(VENV) docs/_build docs/generated docs/auto_examples demo-output

$(STAMPS)/venv:
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv pyproject.toml $(CONSTRAINTS)
	$(PIP) --editable ".[cli,fast,inspection,offline]"
	touch $@

$(STAMPS)/test: $(STAMPS)/run
	$(PIP) --editable ".[test,docs,decord,hf]"
	touch $@

$(STAMPS)/lint: $(STAMPS)/venv pyproject.toml $(CONSTRAINTS)
	$(PIP) ruff mypy codespell
	touch $@
