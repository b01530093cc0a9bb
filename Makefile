# Everything lives in a virtual environment of its own, .venv: the demo installs the program, tests and checks add their tools to it.
# constraints.txt pins the CPU build of torch.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

# One short line a package in place of pip's talk; errors go to standard error unchanged.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt
NAMES := sed -u -n -E 's!^ *(Downloading|Using cached) (.*/)?([^-/ ]+)-([0-9][^-]*)-[^(]*(\(.*\))?.*!    \3 \4 \5!p; \
	s!^Installing collected packages.*!    unpacking all of these: this takes longest!p' >&2

.PHONY: demo test coverage check notebooks docs clean

$(VENV)/.core: pyproject.toml constraints.txt
	@echo "Installing ho_imaging and what it runs on into $(VENV), once: 1.7 GB on disk, some minutes." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -e . | $(NAMES)
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "Adding the tools for tests and checks to $(VENV), once." >&2
	@$(PIP) -e ".[dev]" | $(NAMES)
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	@echo "Adding what makes the documentation to $(VENV), once." >&2
	@$(PIP) -e ".[docs]" | $(NAMES)
	@touch $@

demo: $(VENV)/.core
	@echo "Analysing the eight simulated radiographs of sample_data on this computer. The first takes some seconds: the model is loaded." >&2
	@$(BIN)/ho-imaging analyze sample_data --out demo_out --overlays --no-json --workers 0
	@echo "" >&2
	@echo "What to try next, after  . $(BIN)/activate" >&2
	@echo "  your own images:       ho-imaging analyze FOLDER --out results --overlays" >&2
	@echo "  a report to print:     ho-imaging report demo_out" >&2
	@echo "  two visits compared:   ho-imaging compare BASELINE FOLLOWUP --out growth" >&2
	@echo "  every command:         ho-imaging help" >&2

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

coverage: $(VENV)/.dev
	$(BIN)/python -m pytest --cov --cov-report=term tests/statistics tests/preparing tests/findings tests/severity tests/results

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

notebooks: $(VENV)/.dev
	$(BIN)/python notebooks/refresh.py

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Open this page in a browser:  $(CURDIR)/site/index.html  (for its search: python -m http.server -d site)" >&2

clean:
	rm -rf $(VENV) demo_out site
