# make run | setup | test | check | bench | bench-uplink | soak | deb | test-deb | vm | test-vm | docs | clean; 'make help' says more.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := .venv/bin
SETUP := .make/setup .make/lib.sh pyproject.toml appliance/__init__.py

# Passed on: make run ARGS='--listen 0.0.0.0:8080 --set camera.front=file:clip.mp4'
ARGS ?=
MINUTES ?= 10

.PHONY: help run setup dev test check lint types unit bench bench-uplink soak deb test-deb vm test-vm docs clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

run: setup ## start the appliance; without a camera, the demonstration. ARGS='…' is passed on
	@if cameras=$$($(BIN)/live-pusher cameras --board pi 2>/dev/null); then \
	    printf 'Camera found: %s\n' "$$cameras"; \
	    exec $(BIN)/live-pusher run --board pi $(ARGS); \
	else \
	    echo 'No camera was found here (live-pusher cameras says why), so this is the demonstration.'; \
	    exec $(BIN)/live-pusher demo $(ARGS); \
	fi

setup: .venv/.ready ## install the appliance into .venv, and no more

dev: .venv/.ready-dev ## the same, with the tools of development

test: ## install what the tests need, then check everything: ten minutes of soak, the packages, the virtual board
	@.make/test-packages
	@$(MAKE) dev
	@$(BIN)/python -c 'import alsaaudio' 2>/dev/null || $(BIN)/pip --disable-pip-version-check install --quiet pyalsaaudio
	@$(MAKE) lint types
	$(BIN)/python -m pytest $(ARGS)
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --seed 7
	@.make/system-tests

check: dev lint types unit ## quick: style, types, unit tests

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: dev
	$(BIN)/mypy

unit: dev
	$(BIN)/python -m pytest tests/unit $(ARGS)

bench: dev ## measure cost, memory and the time to the first picture
	$(BIN)/python -m tests.bench $(ARGS)

bench-uplink: dev ## measure the adaptive bitrate on links that change; needs root. ARGS='--simulate' does not
	$(BIN)/python -m tests.bench.uplink $(ARGS)

soak: dev ## random operations and faults against the running product: MINUTES=10
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

deb: setup ## make the Debian packages for both releases and both architectures, into dist/
	@.make/deb-packages
	nice -n 10 $(BIN)/python image-build/build_deb.py $(ARGS)

test-deb: setup ## try the Debian packages in real systems of both releases; as root
	@.make/deb-packages test
	nice -n 10 $(BIN)/python -m tests.package $(ARGS)

vm: dev ## boot the virtual board: a shell as root, and the page; as root. ARGS='--board 5'
	@.make/vm-packages
	$(BIN)/python -m tests.vm --shell $(ARGS)

test-vm: dev ## play every scene on the virtual board; as root
	@.make/vm-packages
	$(BIN)/python -m tests.vm $(ARGS)

docs: dev ## write the documents that are made from the code
	$(BIN)/python -m appliance.docs

clean: ## remove the environment and every cache
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.ready: $(SETUP)
	@.make/setup

.venv/.ready-dev: $(SETUP)
	@.make/setup dev
