# make demo   set up, run everything on the simulated landscape, say where the report is
# make test   set up, run the whole test suite
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= demo
export PHYTOMASS_DATA ?= $(abspath $(wildcard ../shared/data))

.PHONY: demo test test-all lint examples setup

demo: $(READY)
	$(BIN)/phytomass demo $(DEMO)

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -q -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

examples: $(READY)
	$(BIN)/python examples/run.py

setup: $(READY)

# torch goes first, at the one pinned version, so that nothing else pulls another build of it
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "phytomass needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check $$(grep '^torch==' requirements.lock)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $(READY)
