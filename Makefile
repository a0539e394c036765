# make demo   see what it does, on a real recording
# make test   run the tests
# make lint   style, types and import contracts
# Needs Python >= 3.11; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
XVFB := $(shell if [ "$$(uname)" = Linux ] && [ -z "$$DISPLAY" ]; then echo 'xvfb-run -a -s "-screen 0 1600x1000x24"'; fi)

.PHONY: demo test lint wheel clean

$(VENV)/base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt torch
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/dev: $(VENV)/base
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/base
	$(BIN)/napari-sam2 demo --output demo-output

test: $(VENV)/dev
	@sh .ci/system-libraries
	$(XVFB) $(BIN)/python -m pytest

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

clean:
	rm -rf $(VENV) dist demo-output
