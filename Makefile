# make demo    set up the core (no torch), run everything on the simulated landscape, say where the report is
# make test    set up everything, run the fast test suite; test-all adds the slow tests, lint the linters
# make test-minimum  run the tests on the oldest versions that pyproject.toml declares (needs uv)
# make mutants  put SAMPLE=200 small faults into a copy, one by one: do the tests see them? (hours)
# make locks   resolve the locks anew (needs uv; UPGRADE=--upgrade for the newest versions)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core
EVERYTHING := $(VENV)/.everything
# bytecode comes with the first use: a sixth of the core's size; the tests, many processes, have it made before
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check --no-compile
# on Linux the usual build of torch brings CUDA, gigabytes; README.md says what to say here for the small one
TORCH_BY ?= $(PIP)
DEMO ?= demo
export PHYTOMASS_DATA ?= $(abspath $(wildcard ../shared/data))

.PHONY: demo test test-all test-minimum mutants lint examples setup locks

demo: $(CORE)
	$(BIN)/phytomass demo $(DEMO)

test: $(EVERYTHING)
	$(BIN)/python -m pytest -n 2 --dist loadfile -q -m "not slow"

test-all: $(EVERYTHING)
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

OLDEST := .venv-oldest
TOOLS = $(shell grep -oE '^(pytest|pytest-xdist|hypothesis)==[^ ]+' requirements/development.lock)
EXTRAS ?= report,catalogs,netcdf,cluster,networks
test-minimum:
	$(PYTHON) -m venv $(OLDEST)
	uv pip install -q --python $(OLDEST) --resolution lowest-direct --torch-backend cpu \
	  -e ".[$(EXTRAS)]" $(TOOLS) "odc-stac>=0.4"
	$(OLDEST)/bin/python -m pytest -n 2 --dist loadfile -q -m "not slow" tests -W default

mutants: $(EVERYTHING)
	$(BIN)/python -m tests.mutation --sample $(or $(SAMPLE),200)

lint: $(EVERYTHING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

examples: $(EVERYTHING)
	$(BIN)/python examples/run.py

setup: $(EVERYTHING)

$(CORE): requirements/core.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "phytomass needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements/core.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(EVERYTHING): $(CORE) requirements/development.lock requirements/torch.txt
	$(PIP) --require-hashes -r requirements/development.lock
	$(TORCH_BY) -r requirements/torch.txt
	-@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib > $(VENV)/compileall.log
	@touch $@

# the largest first, so that the others take the same versions
COMPILE = uv pip compile -q --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
  --no-annotate --custom-compile-command "make locks" $(UPGRADE)
locks:
	$(COMPILE) pyproject.toml --extra dev requirements/networks.in -o requirements/development.lock
	$(COMPILE) requirements/networks.in -c requirements/development.lock -o requirements/networks.lock
	echo "setuptools>=77" | $(COMPILE) pyproject.toml --extra report - \
	  -c requirements/development.lock -o requirements/core.lock
