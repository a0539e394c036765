# make demo   see what it does, on a real recording
# make test   run the tests
# make lint   style, types, import contracts, manifest
# make bench  measure speed beside Meta's code and transformers, and memory
# make wheel  build the package and check what is in it
# Needs Python >= 3.11; everything else is installed into .venv, and system libraries through apt where that is allowed.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test lint wheel bench clean

$(VENV)/base: pyproject.toml constraints.txt
	@[ -n "$(PYTHON)" ] || { echo "Python >= 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@[ -x $(BIN)/pip ] || sh .ci/virtual-environment "$(PYTHON)" $(VENV)
	sh .ci/install-torch $(BIN)/python
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/dev: $(VENV)/base
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/base
	$(BIN)/napari-sam2 demo --output demo-output

test: $(VENV)/dev
	@sh .ci/system-libraries
	sh .ci/with-screen $(BIN)/python -m pytest

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate src/napari_sam2/napari.yaml

wheel: $(VENV)/dev
	rm -rf dist
	$(BIN)/python -m build --installer pip
	$(BIN)/python .ci/check_wheel.py dist

DATA ?=
bench: $(VENV)/dev
	cd benchmarks && ../$(BIN)/python -m speed $(if $(DATA),--data $(DATA)) && ../$(BIN)/python memory.py

clean:
	rm -rf $(VENV) dist demo-output benchmarks/.oracle
