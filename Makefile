# On a fresh machine: `make quickstart`, then `make test`. Everything is installed into $(VENV), nothing elsewhere.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pytest-xdist workers; the suite is planned for two cores.
JOBS ?= 2

# Set in many containers; here each process would compile the same modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quickstart test unpinned lint format types docs env clean

quickstart: env
	PATH="$(abspath $(BIN)):$$PATH" scripts/quickstart.sh

test: env
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# The main commands with the newest versions that pyproject.toml allows.
unpinned:
	PYTHON=$(PYTHON) .ci/unpinned

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: env
	$(BIN)/mypy

# The documentation site, in site/. A broken link is an error.
docs: env
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.txt "mkdocs-material>=9.6,<10"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

env: $(VENV)/.installed

$(VENV)/.installed: requirements.txt requirements-hashes.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Use: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@# Not compiled: that takes a minute, and most of these modules are never imported. What is, is compiled then.
	@# Everything but torch, whose builds differ, is compared with its hashes.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements-hashes.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
