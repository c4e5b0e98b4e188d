# Every target sets itself up: a virtual environment in .venv, nothing global.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
# In a directory of their own: beside the host's packages they would shadow Python's standard library.
STUBS := micropython-unix-stubs==1.29.0.post1

.PHONY: demo test lint setup clean

demo: $(READY)
	@$(VENV)/bin/hanota demo

test: lint
	@$(VENV)/bin/pytest

lint: $(READY)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet . || { echo "hanota: run .venv/bin/ruff format ." >&2; exit 1; }
	@$(VENV)/bin/mypy
	@$(VENV)/bin/mypy --config-file boards/typecheck.ini

setup: $(READY)

$(READY): setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "hanota: no $(PYTHON) here; install Python 3.11 or newer (Debian: apt install python3 python3-venv), or name one: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hanota: $(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "hanota: Python's venv module is missing; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "hanota: setting up $(VENV) (once, about a minute)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[test]' || { echo "hanota: pip could not install what setup.cfg lists; it needs a package index: see the lines above" >&2; exit 1; }
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --target $(VENV)/typings --upgrade $(STUBS) || { echo "hanota: pip could not install $(STUBS)" >&2; exit 1; }
	@touch $(READY)

clean:
	rm -rf $(VENV) *.egg-info
