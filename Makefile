# make demo: set up and run the main job.   make test: set up and run the tests.
# make slow: set up and run the tests of over ten seconds: long runs, kills, 2,000 damaged files.
# make bench: set up and run the quick benchmarks, in under 10 minutes.
# PYTHON is the interpreter that the environment is made with; 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
STAMPS := $(VENV)/stamps

.PHONY: demo test slow lint docs bench clean

demo: $(STAMPS)/run
	$(BIN)/python examples/demo.py

test: $(STAMPS)/test
	$(BIN)/python -m pytest -m "not slow"

slow: $(STAMPS)/test
	$(BIN)/python -m pytest -m slow

lint: $(STAMPS)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

docs: $(STAMPS)/test
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: $(STAMPS)/test
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) docs/_build docs/generated demo-output

$(STAMPS)/venv:
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv pyproject.toml constraints.txt
	$(PIP) --editable ".[fast,inspection,offline]"
	touch $@

$(STAMPS)/test: $(STAMPS)/run
	$(PIP) --editable ".[test,docs,decord,hf]"
	touch $@

$(STAMPS)/lint: $(STAMPS)/venv pyproject.toml constraints.txt
	$(PIP) ruff mypy codespell
	touch $@
