# `make demo` shows the whole way of a study; `make test` runs the tests. Each sets up what it needs by itself:
# a virtual environment in .venv, no root. CONTRIBUTING.md names the commands of a developer's day.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# pip reads PIP_EXTRA_INDEX_URL from the environment or from `make demo PIP_EXTRA_INDEX_URL=...`.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

# Tests run in so many processes at once; files stay whole, so that what a file's tests share is made once.
JOBS ?= auto

.PHONY: help demo test test-fast coverage check format evidence walks broken-cases train-next benchmark benchmark-contours benchmark-inference benchmark-send benchmark-idle clean

help: ## what can be made
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(INSTALLED) ## a head MR study goes the whole way on this machine; ARGS="--study DIR" for one of your own
	@$(BIN)/synthnode demo $(ARGS)

test: $(INSTALLED_DEV) ## all tests, with few rounds of the long suites; ARGS="tests/node -k rules" for some
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

test-fast: $(INSTALLED_DEV) ## the inner loop, under three minutes: no real peers, no real images, nothing marked slow
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --quiet -m "not slow and not peer and not data and not suite" $(ARGS)

coverage: $(INSTALLED_DEV) ## of the last `make test ARGS="--cov --cov-report="`: the least covered files, and the whole
	@$(BIN)/python -m coverage report --skip-covered --sort=cover | sed -n 1,24p
	@echo "Covered in all: $$($(BIN)/python -m coverage report --format=total) % of the statements (without what only processes of their own run)"

check: $(INSTALLED_DEV) ## lint, format, types and imports: what pre-commit and CI run
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check --diff .
	@$(BIN)/mypy
	@$(BIN)/mypy tests/harness
	@$(BIN)/lint-imports

format: $(INSTALLED_DEV) ## put the code into its one format
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

verify-%: $(INSTALLED_DEV) ## verify-SUITE: one long suite with its full rounds; writes docs/evidence/SUITE.json
	@$(BIN)/python -m pytest --full $* $(ARGS)

evidence: $(INSTALLED_DEV) ## which evidence is older than the files that it covers
	@$(BIN)/python tests/harness/evidence.py

walks: $(INSTALLED_DEV) ## through which files an instance, a decision and a volume go, and which imports run upwards
	@$(BIN)/python -m pytest --quiet --no-header --walks walks.json tests/node tests/pipelines $(ARGS)

broken-cases: $(INSTALLED) ## which check catches which broken image, into docs/broken-cases.md; minutes; ARGS="--seeds 1"
	@$(BIN)/python -m benchmarks.broken_cases $(ARGS)

train-next: $(INSTALLED) ## the next training of models/recipes/queue.yaml, begun or gone on with; DATA=folder RUNS=folder
	@$(BIN)/synthnode models train-next models/recipes/queue.yaml --data "$(DATA)" --runs "$(RUNS)" $(ARGS)

benchmark: $(INSTALLED) ## time and share of each stage of the pipeline
	@$(BIN)/python -m benchmarks.pipeline $(ARGS)

benchmark-contours: $(INSTALLED_DEV) ## processor time of a structure set of 30 organs beside rt-utils; ARGS=--quick
	@$(BIN)/python -m benchmarks.contours $(ARGS)

benchmark-inference: $(INSTALLED_DEV) ## the inference engine against MONAI's sliding window on this device; ARGS=--quick
	@$(BIN)/python -m benchmarks.inference $(ARGS)

benchmark-send: $(INSTALLED) ## this node's SCU against dcmsend and storescu; ARGS=--quick
	@$(BIN)/python -m benchmarks.send $(ARGS)

benchmark-idle: $(INSTALLED) ## what a node costs while nothing happens; two minutes; ARGS=--quick
	@$(BIN)/python -m benchmarks.idle $(ARGS)

clean: ## remove the environment and what tools left
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing synthnode into $(VENV): the first time this downloads a few hundred megabytes."
	@$(INSTALL) --editable .
	@touch $@

$(INSTALLED_DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing synthnode and its development tools into $(VENV): the first time this downloads a few hundred megabytes."
	@$(INSTALL) --editable ".[dev]"
	@touch $(INSTALLED) $@

# A Python that is too old, too new or without venv is passed over for one that serves; what was missing is said at the end.
$(BIN)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	  command -v "$$python" >/dev/null || continue; \
	  if ! "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    found="$${found:-}  $$python is not one of them: $$("$$python" --version 2>&1 | head -n 1 || true)"$$'\n'; \
	  elif ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    found="$${found:-}  $$python has no venv module: apt-get install $$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"$$'\n'; \
	  else \
	    echo "Making $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv $(VENV); exit 0; \
	  fi; \
	done; \
	printf 'synthnode needs Python 3.11, 3.12 or 3.13 with its venv module; none was found here.\n%s' "$${found:-}"; \
	echo "On Debian or Ubuntu: apt-get install python3 python3-venv, or name one with 'make PYTHON=/path/to/python3.12 ...'"; \
	exit 1
