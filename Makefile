# Everything here needs only make and Python 3.11 or newer; `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
VERIFIER := packages/jwtapi-verifier
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet install
TESTS  := $(BIN)/python -m pytest -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help run install test coverage check format lint types imports audit bench lock wheel image clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.runtime  ## serve on http://localhost:4000, on an embedded SQLite file
	@exec $(BIN)/jwtapi serve

install: $(VENV)/.development  ## create .venv with everything that a contributor needs

test: $(VENV)/.development  ## run the tests
	@$(TESTS)

coverage: $(VENV)/.development  ## run the tests, and measure which branches they run (half as long again)
	@$(TESTS) --cov --cov-report=term:skip-covered

check: $(VENV)/.development format lint types imports test  ## run all checks that a contribution must pass

format: $(VENV)/.development  ## check the format (ruff)
	@$(BIN)/ruff format --check .

lint: $(VENV)/.development  ## look for mistakes (ruff, almost all rules)
	@$(BIN)/ruff check .

types: $(VENV)/.development  ## check the types (mypy --strict)
	@$(BIN)/mypy

imports: $(VENV)/.development  ## check the import contracts (import-linter)
	@$(BIN)/lint-imports

bench: $(VENV)/.benchmarks  ## measure this and other servers (30 minutes; needs wrk and Node.js): benchmarks/results
	@$(BIN)/python -m benchmarks $(CHAPTERS)

audit: $(VENV)/.development  ## check the runtime dependencies for known vulnerabilities
	@$(BIN)/pip-audit --disable-pip --require-hashes -r requirements.lock

wheel: $(VENV)/.development  ## build dist/jwtapi-….whl
	@$(BIN)/python -m build --wheel --no-isolation

lock: $(VENV)/.python  ## resolve the lock files again
	@$(PIP) uv
	@$(BIN)/uv pip compile --quiet $(LOCK_OPTIONS) pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet $(LOCK_OPTIONS) --group build -o requirements-build.lock
	@$(BIN)/uv pip compile --quiet $(LOCK_OPTIONS) pyproject.toml --extra otel --group dev -c requirements.lock -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet $(LOCK_OPTIONS) --group bench -c requirements-dev.lock -o requirements-bench.lock

LOCK_OPTIONS := --upgrade --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

image:  ## build the container image jwtapi
	docker build --tag jwtapi .

clean:  ## remove the files that the targets made, but no data
	rm -rf $(VENV) benchmarks/.venv $(PEERS)/*/.venv $(PEERS)/*/node_modules build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("jwtapi needs Python 3.11 or newer: make PYTHON=/path/to/python3.x")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.python
	@echo "Installing jwtapi into $(VENV) …"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --require-hashes -r requirements-build.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VERIFIER)/pyproject.toml | $(VENV)/.runtime
	@echo "Installing the development tools into $(VENV) …"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation -e $(VERIFIER)
	@touch $@

PEERS := benchmarks/peers

# better-sqlite3 is compiled if no binary can be downloaded. Then node-gyp must find the headers of the installed Node.js.
NPM_INSTALL = npm_config_nodedir=$$(node -p 'path.resolve(process.execPath, "../..")') \
	npm install --no-package-lock --no-audit --no-fund --silent

# What is measured has an environment without the development tools: some libraries load others if they are there.
$(VENV)/.benchmarks: requirements-bench.lock $(PEERS)/fastapi_users/requirements.txt $(PEERS)/express/package.json $(PEERS)/fastify/package.json | $(VENV)/.development
	@$(PIP) --require-hashes -r requirements-bench.lock
	@$(MAKE) --no-print-directory VENV=benchmarks/.venv benchmarks/.venv/.runtime
	@echo "Installing the peers into $(PEERS) …"
	@$(PYTHON) -m venv $(PEERS)/fastapi_users/.venv
	@$(PEERS)/fastapi_users/.venv/bin/python -m pip --disable-pip-version-check --quiet install -r $(PEERS)/fastapi_users/requirements.txt
	@cd $(PEERS)/express && $(NPM_INSTALL)
	@cd $(PEERS)/fastify && $(NPM_INSTALL)
	@touch $@
