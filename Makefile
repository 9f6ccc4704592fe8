# make demo and make test are all that a stranger needs; each makes .venv itself.
PYTHON ?= python3
BIN := .venv/bin
NODE := tests/clients/node
# npm writes this file last.
NODE_DONE := $(NODE)/node_modules/.package-lock.json

# Each is made by the tool of its name.
PAGES := parity troubleshooting doctor_cases comparison_page

.PHONY: demo test check pages $(PAGES) clean

demo: .venv/.demo
	$(BIN)/customauth demo

test: .venv/.dev $(NODE_DONE)
	$(BIN)/pytest -n 4

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for package in customauth customauth_awscrt customauth_gmqtt customauth_mqttium customauth_paho; do \
	  PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes $$package --ignoreexternal || exit 1; \
	done

pages: $(PAGES)

$(PAGES): .venv/.dev
	$(BIN)/python tools/$@.py --write

clean:
	rm -rf .venv .nox build dist $(NODE)/node_modules

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("customauth needs Python 3.11 or later: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"

.venv/.demo: .venv/bin/python pyproject.toml
	@echo "Installing customauth and four MQTT libraries into .venv ..."
	$(BIN)/pip install --quiet --editable ".[all]"
	touch $@

.venv/.dev: .venv/.demo
	@echo "Installing what the tests need into .venv ..."
	$(BIN)/pip install --quiet --group dev
	touch $@

# Without npm the tests that need it are skipped, and say so.
$(NODE_DONE): $(NODE)/package-lock.json
	if command -v npm > /dev/null; then npm ci --prefix $(NODE) && touch $@; fi
