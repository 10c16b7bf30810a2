# Roadbed: two commands matter, `make demo` and `make test`. `make` alone lists all.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
IDP := tests/idp/node_modules/.installed

# Every command that a demo or a test starts would be compiled anew without this.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-rollout example evaluations idp test check format lint \
  types layers docs bench faults conformance soak swaps lock clean

help: ## List what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv from the hash-locked dependencies

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Roadbed needs Python 3.11 or later; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up .venv (once; about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# A real identity provider for the tests. Without npm, those that sign in are skipped.
$(IDP): tests/idp/package-lock.json
	@if command -v npm >/dev/null; then \
	  npm ci --prefix tests/idp --silent --no-fund --no-audit && touch $@; fi

demo: $(STAMP) ## Run the main job on real input, from declaration to traced answer
	@$(BIN)/python demo/run.py

example: $(STAMP) ## Play the case of the model that fell from 92 % to 84 %
	@$(BIN)/python examples/ninety-two-to-eighty-four/run.py $(HOW)

evaluations: $(STAMP) ## Play evaluations that gate the pull requests of strangers
	@$(BIN)/python examples/evaluations/run.py $(HOW)

demo-rollout: $(STAMP) ## Play a good release and a bad one on four replicas
	@$(BIN)/python examples/rollouts/run.py $(HOW)

idp: $(IDP) ## Start an identity provider to try single sign-on with
	@node tests/idp/server.mjs tests/idp/example.json

# By file: the blocks of a page, and the tests that share a browser, stay in one process.
test: $(STAMP) $(IDP) ## Run all tests
	@$(BIN)/python -m pytest -q -n auto --dist loadfile

check: format lint types layers test ## Everything a change must pass

format: $(STAMP) ## Is the code in its usual form? (FIX=1 puts it there)
	@$(BIN)/ruff format $(if $(FIX),,--check) -q src tests demo bench examples

lint: $(STAMP) ## Style, docstrings, complexity
	@$(BIN)/ruff check -q $(if $(FIX),--fix) src tests demo bench examples

types: $(STAMP) ## Types
	@$(BIN)/basedpyright --level error

layers: $(STAMP) ## Which room may use which
	@$(BIN)/lint-imports --no-cache > .venv/layers.txt || { cat .venv/layers.txt; exit 1; }

docs: $(STAMP) ## Write the reference pages to build/reference
	@$(BIN)/roadbed reference build/reference

bench: $(STAMP) ## Print CPU per operation, as ratios
	@for program in $(filter-out bench/memory.py bench/swaps.py,$(wildcard bench/*.py)); do \
	  $(BIN)/python $$program; done

faults: $(STAMP) ## Print what each fault of an upstream comes to (HOW="--output markdown")
	@$(BIN)/python -m tests.faults $(HOW)

conformance: $(STAMP) ## Let the official clients and their own tests examine a server
	@$(BIN)/python -m tests.conformance $(HOW)

soak: $(STAMP) ## Print how memory grows over 50,000 mixed calls
	@$(BIN)/python bench/memory.py $(HOW)

swaps: $(STAMP) ## Print what a change of version costs, and how soon it is seen
	@$(BIN)/python bench/swaps.py $(HOW)

# What was released in the last seven days is not taken: a bad release is often gone by then.
lock: ## Resolve the dependencies again (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  --exclude-newer "$$($(PYTHON) -c 'import datetime as d; print((d.datetime.now(d.UTC) - d.timedelta(7)).strftime("%Y-%m-%dT%H:%M:%SZ"))')" \
	  --no-annotate --no-strip-extras --quiet --all-extras --group dev -o requirements/dev.lock pyproject.toml

clean: ## Forget what was built, and the demo's state
	@rm -rf build dist demo-run .pytest_cache .ruff_cache .hypothesis
