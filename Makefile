# Needs Python 3.11 to 3.14 with its venv module, and a package registry that pip can reach. Nothing else: no root, no
# Docker, no service. `make PYTHON=/path/to/python3.12 test` picks the interpreter.

# The first on PATH that will do, so that a machine whose python3 is older needs no option.
FITS := 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))'
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do $$p -c $(FITS) 2>/dev/null && echo $$p && break; done)
endif
# Many tests wait for processes: four at once keep two cores busy. Proofs are about time, and are left more of it.
WORKERS ?= 4
PROVERS ?= 2
SEEDS ?= 10000
MOST ?= 100

BIN := .venv/bin
LOCKED := $(shell (cat requirements/*.lock pyproject.toml; $(PYTHON) -V 2>&1) | cksum | cut -d ' ' -f 1)
# Two days: by then every mirror has a release, and a broken or hostile one has been withdrawn.
LOCK := $(BIN)/uv pip compile --quiet --universal --exclude-newer "2 days" --generate-hashes --python-version 3.11 --no-annotate --no-emit-index-url --no-emit-find-links \
        --custom-compile-command 'make lock' --extra flower --extra http pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help demo test prove ops-test soak chaos simulate fuzz check lint fix bench lock clean python-fits

help: ## Print this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "make %-8s %s\n", $$1, $$2}'

demo: .venv/runtime-$(LOCKED) ## Dial a few batches against simulated providers, on a scheduler, a worker, a Redis and a ledger of its own
	@$(BIN)/dialer demo

# What a change is tried on again and again, and what breaks things on purpose: the latter in its short form.
BREAKING := tests/system/test_breaking.py
TESTS := tests/architecture tests/contract tests/integration tests/system tests/unit --ignore $(BREAKING)
PROOFS := tests/failpoints tests/fuzz tests/simulation tests/chaos $(BREAKING)

test: .venv/dev-$(LOCKED) ## Run the tests, on servers of their own: ARGS="tests/unit -x" for some of them
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(or $(ARGS),$(TESTS))

prove: .venv/dev-$(LOCKED) ## Kill processes at every step and services at random, in short: failpoints, simulation, chaos
	@$(BIN)/pytest -n $(PROVERS) --dist loadgroup $(or $(ARGS),$(PROOFS))

# The programs beside ours that it looks at or looks with; a test that misses one fails and names its package.
ops-test: .venv/dev-$(LOCKED) ## Run the shipped supervisor, systemd, Compose, Flower and Prometheus files for real: four minutes, Debian packages needed
	@$(BIN)/pytest tests/ops $(ARGS)

chaos: .venv/dev-$(LOCKED) ## Break everything while batches run, for hours: ARGS="-k redis", "--seed 7", "--scale 0.1"
	@$(BIN)/pytest tests/chaos --long $(ARGS)

fuzz: .venv/dev-$(LOCKED) ## Ask the HTTP API everything that its OpenAPI document allows, and much that it does not: 5,000 cases and more; MOST=500 for longer
	@$(BIN)/pytest tests/fuzz --most $(MOST) $(ARGS)

check: lint test prove ## What CI runs: linters, types, import rules, tests, proofs

lint: .venv/dev-$(LOCKED) ## Linters, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fix: .venv/dev-$(LOCKED) ## Format, and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/dev-$(LOCKED) .venv/bench-$(LOCKED) ## Measure speed and memory, in a few minutes; ARGS=--full: millions of calls, an hour or two, and docs/performance.md
	@$(BIN)/python -m bench $(ARGS)

soak: .venv/dev-$(LOCKED) ## Dial for half an hour and look whether anything grows: ARGS="--minutes 5 --pace 20"
	@$(BIN)/python -m bench.soak $(ARGS)

simulate: .venv/dev-$(LOCKED) ## Play 10,000 seeds of moves and faults against the promise; SEEDS=500 for fewer, SEED=123 for one again
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

lock: .venv/dev-$(LOCKED) ## Resolve the dependencies anew into requirements/: the newest within their ranges that are two days old
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13,<1'
	@$(LOCK) --upgrade --group dev --output-file requirements/dev.lock
	@$(LOCK) --group build --constraint requirements/dev.lock --output-file requirements/runtime.lock
	@$(LOCK) --group bench --constraint requirements/dev.lock --output-file requirements/bench.lock

clean: ## Remove the virtual environment, caches and what tests and demos left
	rm -rf .venv .services .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One virtual environment; each stamp stands for the interpreter, the locks and the pyproject.toml that it was made from.
# The locks agree on versions, so a demo in a developer's environment changes nothing but its stamp.
.venv/dev-$(LOCKED) .venv/runtime-$(LOCKED) .venv/bench-$(LOCKED): .venv/%-$(LOCKED): | python-fits
	@test "$$($(BIN)/python -V 2>/dev/null)" = "$$($(PYTHON) -V)" || { \
	  echo "Creating .venv with $$($(PYTHON) -V) ..."; $(PYTHON) -m venv --clear .venv; }
	@echo "Installing what requirements/$*.lock names into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@rm -f .venv/$*-*
	@touch $@

python-fits:
	@$(or $(PYTHON),false) -c $(FITS) 2>/dev/null || { \
	  echo "The dialer needs Python 3.11 to 3.14, and $(or $(PYTHON),what is on PATH) is none of them: install one, or say make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
