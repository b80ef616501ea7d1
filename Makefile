# Sternway's tasks. `make` alone lists them.
#
# Two stamps in .venv say what is installed: one for what a rack needs, one for what its developers need.
# Both come from the locks with their hashes checked, wheels only, so no compiler is needed.

PYTHON ?= python3.11
ENGINE ?= process
ARGS   ?=
LABEL  ?=

BIN     := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV     := .venv/.dev-installed
CHECKED := $(wildcard src tests scripts bench)

PIP_LOCKED   := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes
PIP_EDITABLE := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable
COMPILE      := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
                --no-emit-index-url --no-emit-find-links --no-config --custom-compile-command "make lock"

MAKEFLAGS += --no-print-directory
# To compile every module again would cost each rack and each command that a task starts more than all else.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup dev demo up images test lint format lock bench version clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: $(RUNTIME) ## install sternway, convox and sternwayd into .venv/bin

dev: $(DEV) ## the same, with the tools for test and lint

demo: $(RUNTIME) ## deploy, break and roll back an app on this machine (ENGINE=process or docker)
	@[ "$(ENGINE)" != docker ] || scripts/images.sh
	@$(BIN)/python -m scripts.demo --engine "$(ENGINE)" $(ARGS)

up: $(RUNTIME) ## start a rack on this machine (ENGINE=process or docker)
	@[ "$(ENGINE)" != docker ] || scripts/images.sh
	@$(BIN)/python -m scripts.up --engine "$(ENGINE)" $(ARGS)

images: ## make base images for the Docker engine, from Debian's packages
	@scripts/images.sh

test: $(DEV) ## run the tests (ARGS="-n0 -k rollback" to choose)
	@scripts/with_docker.sh $(BIN)/python -m pytest --no-header -n 2 --dist loadfile $(ARGS)

lint: $(DEV) ## check style, types and the direction of imports
	@status=0; \
	$(BIN)/ruff check --quiet $(CHECKED) || status=1; \
	$(BIN)/ruff format --quiet --check $(CHECKED) || { $(BIN)/ruff format --check $(CHECKED); status=1; }; \
	$(BIN)/mypy --no-error-summary $(CHECKED) || status=1; \
	report=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$report"; status=1; }; \
	exit $$status

format: $(DEV) ## bring the code into the style that lint checks
	@$(BIN)/ruff check --quiet --fix-only $(CHECKED)
	@$(BIN)/ruff format --quiet $(CHECKED)

lock: $(DEV) ## compile requirements/*.txt from pyproject.toml (ARGS=--upgrade for newer versions)
	@$(COMPILE) $(ARGS) pyproject.toml --group build --output-file requirements/runtime.txt
	@$(COMPILE) $(ARGS) pyproject.toml --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt

version: $(DEV) ## build the artifacts of a version into dist/ (LABEL=proxy-labels)
	@$(BIN)/python -m scripts.version --label "$(LABEL)" $(ARGS)

bench: $(RUNTIME) ## measure; results go to bench/results
	@$(BIN)/python -m bench.run $(ARGS)

clean: ## remove .venv and every cache
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov bench/tmp
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -m venv .venv

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(BIN)/python
	@$(PIP_LOCKED) --requirement requirements/runtime.txt
	@$(PIP_EDITABLE) .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	@$(PIP_LOCKED) --requirement requirements/dev.txt
	@touch $@
