# Needs Python 3.11+, make and a package index; everything else comes from requirements.lock.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# uv does not read pip's configuration: a closed network's own index and CA are passed on here.
export UV_DEFAULT_INDEX ?= $(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null)
export UV_SYSTEM_CERTS ?= 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif

.PHONY: demo test lint types tests lock docs benchmark clean

demo: .venv
	$(BIN)/doichieu demo

test: lint types tests

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: .venv
	$(BIN)/mypy

tests: .venv
	$(BIN)/pytest

.venv: $(VENV)/.made

# Plain pip installs uv itself, from the same hashed lock; uv installs the rest.
$(VENV)/.made: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r $(VENV)/uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# What the benchmarks compare with is not part of the environment: it is laid over it for the occasion.
benchmark: .venv
	$(BIN)/uv pip install --quiet --require-hashes -r benchmarks/requirements.lock
	$(BIN)/python -m benchmarks.run

lock:
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --group benchmark -c requirements.lock -o benchmarks/requirements.lock

docs: .venv
	$(BIN)/python -m contracts.reference docs/contract-reference.md
	$(BIN)/python -m connectors.onboarding.source_reference docs/sources.md

clean:
	rm -rf var builds dist .coverage
