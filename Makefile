# Everything in a virtual environment of its own, .venv; constraints.txt pins the CPU build of torch.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check clean

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $@

demo: $(BIN)/.installed
	$(BIN)/ho-imaging analyze sample_data --out demo_out --masks --overlays
	@echo "pictures:" && ls demo_out/studies/*/*.overlay.png

test: $(BIN)/.installed
	$(BIN)/python -m pytest -n 2

check: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) demo_out
