# Fieldwright. `make help` lists what can be done; `make demo` and `make test` need only Python 3.11+ and make.
SHELL := bash
.DEFAULT_GOAL := help

export FIELDWRIGHT_SERVER_PORT ?= 8700
export FIELDWRIGHT_APP_PORT ?= 8701
export FIELDWRIGHT_DATA ?= $(CURDIR)/.data
export FIELDWRIGHT_APP_ASSETS ?= $(CURDIR)/.build/app_assets
export PYTHONUTF8 := 1
export PYTHONUNBUFFERED := 1

PY := .venv/bin/python
N ?= 2000
SOAK ?= 100000
SEED ?= 1

.PHONY: help setup setup-tests demo app test test-fast soak mutants lint bench simulate e2e pictures lock wheel clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

setup: ## make .venv, browser files and fonts (the other targets do it by themselves)
	@bash tools/setup.sh

setup-tests:
	@bash tools/setup.sh --tests

demo: setup ## a demo company: server, console and the engineer's app, addresses and sign-ins printed
	@exec $(PY) -m sync_server.demo

app: setup ## the engineer's app as a desktop window (fetches Flet's desktop client at the first start)
	@exec .venv/bin/fieldwright-app --desktop

test: setup-tests ## static checks and every test
	@bash tools/check.sh
	@bash tools/test.sh

test-fast: setup-tests ## the tests that need neither server, simulation nor browser
	@bash tools/test.sh fast

soak: setup-tests ## the long versions (hours): SOAK=… histories, thousands of cuts; .artifacts/soak.md
	@$(PY) -m tools.soak --histories $(SOAK)

mutants: setup-tests ## plant each mistake of tools/mutants.toml and see its test turn red
	@$(PY) -m tools.mutants

lint: setup ## static checks only; FIX=1 formats and mends
	@bash tools/check.sh $(if $(FIX),--fix)

bench: setup ## measure beside the raw limits of this machine; JSON and tables; BENCH='--only fleet' …
	@$(PY) -m bench $(BENCH)

simulate: setup ## N=… histories from SEED=… of devices, office and faults
	@$(PY) -m tests.simulation --histories $(N) --seed $(SEED)

e2e: setup-tests ## the browser stories only; screenshots in .artifacts/screenshots
	@mkdir -p .artifacts/screenshots && $(PY) -m pytest tests/e2e

pictures: setup ## the README's pictures from the screenshots of the browser tests
	@$(PY) -m tools.pictures

wheel: setup ## build the wheel, browser files inside, into dist/
	@$(PY) -m build --wheel --no-isolation --outdir dist .

lock: setup ## write the lock files anew from pyproject.toml
	@bash tools/lock.sh

clean: ## remove what was made, but not .data
	rm -rf .venv .build .artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist \
	  sync_server/console/static/vendor
