# Lookalike. `make help` lists what there is.

PORT ?= 8000
SAMPLE_PORT ?= 8001
MINE_PORT ?= 8002
HOST ?= 127.0.0.1
CATALOGUE ?= catalogues/fashion-mnist
SAMPLE := catalogues/sample
ifeq ($(CATALOGUE),sample)
override CATALOGUE := $(SAMPLE)
endif
TEST_WORKERS ?= 2
# Where others can reach the server, anybody may ask it, and nobody write.
PUBLIC := $(if $(filter-out 127.0.0.1 ::1 localhost,$(HOST)),--public-read)
MODEL_OUT ?= reports/trained
RECIPE ?= quick
# Fashion-MNIST beside the checkout is used when it is there; else lookalike finds or downloads it.
DATA_DIR ?= $(wildcard ../shared/datasets/fashion-mnist)
# So are photographs to learn from, a folder a kind of garment.
PHOTOS ?= $(wildcard ../shared/datasets/clothing-photos)

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell $(name) -c \
	'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
BIN := .venv/bin
DATA := $(if $(DATA_DIR),--data-dir $(DATA_DIR))
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
export LOOKALIKE_DATA_DIR := $(if $(DATA_DIR),$(abspath $(DATA_DIR)),$(LOOKALIKE_DATA_DIR))

.DEFAULT_GOAL := help
.PHONY: help setup serve index train test check style format bench browser nginx screenshots clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo '  PORT=8000 HOST=127.0.0.1 CATALOGUE=$(CATALOGUE) DATA_DIR= change the obvious things'

# A catalogue of the person's own is served as it is; only a new one, or the usual one, is filled from Fashion-MNIST.
# Where that can't be had, `index` fills the sample instead, says so, and ends with the code 4.
define FILL
	if [ '$(CATALOGUE)' = $(SAMPLE) ]; then $(BIN)/lookalike index sample --catalogue $(SAMPLE) --prune; \
	elif [ '$(CATALOGUE)' = catalogues/fashion-mnist ] || [ ! -e '$(CATALOGUE)' ]; then \
		$(BIN)/lookalike index fashion-mnist --catalogue '$(CATALOGUE)' --or-sample $(SAMPLE); fi; code=$$?
endef

setup: .venv/serving ## install the command as .venv/bin/lookalike

serve: .venv/serving ## set everything up once, then serve the page and the API
	@$(FILL); case $$code in 0) served='$(CATALOGUE)' ;; 4) served=$(SAMPLE) ;; *) exit $$code ;; esac; \
	exec $(BIN)/lookalike serve --catalogue "$$served" --host $(HOST) --port $(PORT) $(PUBLIC)

index: .venv/serving
	@$(FILL); [ $$code = 4 ] || exit $$code

train: .venv/developing ## train RECIPE, quick (10 to 40 minutes) or full (hours), into MODEL_OUT
	@$(BIN)/lookalike train --recipe $(RECIPE) --out '$(MODEL_OUT)' $(if $(PHOTOS),--photos '$(PHOTOS)')

# The tests start hundreds of commands, so what Python has compiled is kept.
test: .venv/developing browser nginx ## run all the tests, or TESTS, TEST_WORKERS files of them side by side
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

check: style test ## format, lint, types, tests

style: .venv/developing
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy --no-error-summary

format: .venv/developing ## bring the code into format
	@$(BIN)/ruff format --quiet && $(BIN)/ruff check --fix --quiet

bench: .venv/developing ## measure against the obvious ways; prints ratios; BENCH chooses what
	@$(BIN)/python -m benchmarks $(BENCH)

screenshots: .venv/developing browser ## take the README's pictures anew from servers at PORT, SAMPLE_PORT and MINE_PORT
	@$(BIN)/lookalike evaluate --report docs/report $(if $(ITEMS),--items $(ITEMS))
	@$(BIN)/python docs/screenshots.py http://$(HOST):$(PORT) http://$(HOST):$(SAMPLE_PORT) \
		http://$(HOST):$(MINE_PORT)

browser: .venv/developing
	@$(BIN)/python tests/find_chromium.py --install || true

nginx: .venv/developing
	@$(BIN)/python tests/find_nginx.py --install || true

.venv/python:
	@[ -n '$(PYTHON)' ] || { echo 'Lookalike needs Python 3.11 or later; none was found. Set PYTHON=.' >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module did not work. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

.venv/serving: .venv/python pyproject.toml constraints.txt
	@echo 'Installing the serving packages into .venv ...' >&2
	@$(PIP) install -c constraints.txt -e .
	@touch $@

.venv/developing: .venv/python pyproject.toml constraints.txt
	@echo 'Installing the training and testing packages into .venv (TensorFlow is large) ...' >&2
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ .venv/serving

clean: ## delete .venv and caches; catalogues stay
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
