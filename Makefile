# Carnet needs Python >= 3.11 and make; everything else is installed here, below this folder.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
NODE_OK := $(shell node -e 'process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null && echo yes)
export UV_PYTHON_DOWNLOADS := never
# commands start in half the time when what they import is compiled once
unexport PYTHONDONTWRITEBYTECODE
export HARDHAT_DISABLE_TELEMETRY_PROMPT := true

.PHONY: help setup setup-test demo test test-slow soak lint bench pyz lock clean

help:            ## this list
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

setup: $(VENV)/.ready node_modules/.ready  ## install everything and leave .venv/bin/carnet

$(VENV)/.ready: requirements.txt requirements-uv.txt requirements-node.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Carnet needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --require-hashes -r requirements.txt
ifneq ($(NODE_OK),yes)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --require-hashes -r requirements-node.txt
endif
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation -e .
	@touch $@

node_modules/.ready: package.json package-lock.json $(VENV)/.ready
	scripts/npm ci --ignore-scripts --no-progress --loglevel=error
	@touch $@

setup-test: setup
	@scripts/install-test-parts

demo: setup      ## one command: a ledger with three countries, alive in your browser
	$(BIN)/carnet demo

test: setup-test ## every test but the slow ones
	$(BIN)/python -m pytest

test-slow: setup-test ## rare, long and many-case runs, with fresh seeds
	$(BIN)/python -m pytest -m slow --durations 15

soak: setup-test ## the same in full counts
	$(BIN)/python -m pytest -m soak -n 2 --durations 0

lint: setup      ## ruff and mypy strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup     ## ratios against floors, with the machine written down
	$(BIN)/python -m bench

pyz: setup       ## dist/carnet-verify.pyz: the verifier alone, for a machine with nothing but Python
	$(BIN)/python scripts/build-verifier

lock: setup      ## resolve the Python and npm locks anew
	$(BIN)/uv pip compile -q --universal --no-header --generate-hashes pyproject.toml --group dev -o requirements.txt
	$(BIN)/uv pip compile -q --universal --no-header --generate-hashes --group pyproject.toml:go -o requirements-go.txt
	$(BIN)/uv pip compile -q --universal --no-header --generate-hashes --group pyproject.toml:node -o requirements-node.txt
	$(BIN)/uv pip compile -q --universal --no-header --generate-hashes --group pyproject.toml:postgres -o requirements-postgres.txt
	$(BIN)/uv pip compile -q --universal --no-header --generate-hashes --group pyproject.toml:uv -o requirements-uv.txt
	scripts/npm install --package-lock-only --ignore-scripts

clean:           ## remove what set-up and builds made
	rm -rf $(VENV) node_modules build dist
