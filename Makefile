# Daybreak's commands. ARGS='...' passes options on, e.g. make demo ARGS='--no-serve'.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m foundation.services run --
ARGS ?=
# Tests in as many processes as there are cores; a file's tests stay together, as they share what is dear to make.
PARALLEL ?= -n logical --maxprocesses 4
TESTS := $(PARALLEL) --dist loadfile --no-loadscope-reorder
ML_TESTS := -c tests/ml/pytest.ini tests/ml $(TESTS)
.DEFAULT_GOAL := help
.PHONY: help setup demo dev manage test test-bare check fmt bench lock schema pictures

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup:  ## make the virtual environment from the lock (every other command does it when needed)
	@$(PYTHON) -m config.install --venv $(VENV) $(ARGS)

$(BIN)/python: ; @$(PYTHON) -m config.install --venv $(VENV)

.PHONY: ready
ready:
	@$(PYTHON) -m config.install --venv $(VENV)

demo: ready  ## the whole loop on rendered photos: volunteers, reviews, three nights, a phone (ARGS='--help')
	@$(BIN)/python -m config.demo $(ARGS)

dev: ready  ## database, Redis, web, workers and beat on this machine, until Ctrl-C
	@$(BIN)/python -m config.dev serve $(ARGS)

manage: ready  ## manage.py with the embedded services up, e.g. make manage ARGS='doctor'
	@$(RUN) sh -c '$(BIN)/python -m config.dev prepare && exec $(BIN)/python manage.py "$$@"' manage $(ARGS)

test: ready  ## every check and every test; what continuous integration runs
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest $(ML_TESTS) $(ARGS)
	@$(BIN)/python -m pytest $(TESTS) $(ARGS)

test-bare: ready  ## tests/ml in a fresh environment that has no Django, Celery, Redis or boto3
	@$(PYTHON) -m config.install --venv .daybreak/bare-venv --lock ml.txt
	@.daybreak/bare-venv/bin/python -m pytest $(ML_TESTS) $(ARGS)

check: ready lint  ## lint, types, import rules, fast tests: the inner loop
	@$(BIN)/python -m pytest $(ML_TESTS) -m 'not slow' -q
	@$(BIN)/python -m pytest $(TESTS) -m 'not slow and not browser' -q $(ARGS)

.PHONY: lint
lint: ready
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy .

fmt: ready  ## format, and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: ready  ## measurements, one JSON line each, e.g. make bench ARGS=digits
	@$(BIN)/python -m benchmarks $(ARGS)

schema: ready  ## write docs/openapi.json anew
	@$(BIN)/python manage.py export_openapi

lock: ready  ## resolve pyproject.toml into deploy/requirements/ anew
	@PATH="$(BIN):$$PATH" $(BIN)/python deploy/requirements/lock.py

pictures: ready  ## make the README's pictures anew
	@$(BIN)/python docs/pictures/make.py $(ARGS)
