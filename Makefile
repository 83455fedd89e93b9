# Two commands to start with: `make demo` and `make test`.
# Python 3.11 or newer is needed; name another one with PYTHON=... . TORCH_INDEX=<url> names another
# package index for torch: on Linux the default one gives the CUDA build.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format pictures bench clean

demo: $(VENV)/.installed-demo
	sh tools/demo.sh $(BIN)/python

test: $(VENV)/.installed-dev
	sh tools/with-display.sh $(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pictures: $(VENV)/.installed-dev
	sh tools/with-display.sh $(BIN)/python docs/make_pictures.py

# ARGS=--quick measures the promised numbers only. The peers get an environment of their own.
bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks $(ARGS)

$(VENV)/.installed-demo: pyproject.toml constraints.txt
	sh tools/install.sh "$(PYTHON)" $(VENV) all
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	sh tools/install.sh "$(PYTHON)" $(VENV) all,plot,test,lint
	touch $@ $(VENV)/.installed-demo

clean:
	rm -rf $(VENV) demo-output benchmarks/.venv-peers benchmarks/results/quick
