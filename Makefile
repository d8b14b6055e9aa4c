# make reproduce: build .venv if need be, then regenerate the paper.   make test: build it if need be, then test.
# PYTHON names the interpreter that .venv is made from (3.11, 3.12 or 3.13).
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
RUN := .venv/bin/python

.PHONY: reproduce test lint bench lab bundle clean

reproduce: .venv/ready
	$(RUN) run_all.py $(ARGS)

test: .venv/ready lint
	$(RUN) -m pytest $(ARGS)

lint: .venv/ready
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

bench: .venv/ready
	$(RUN) -m benchmarks $(ARGS)

lab: .venv/ready
	$(RUN) -m jupyter lab notebooks

bundle: .venv/ready
	$(RUN) run_all.py --bundle $(ARGS)

# The stamp comes last, so that an installation cut short is done again.
.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "dslite needs Python 3.11, 3.12 or 3.13; none was found. Set PYTHON=/path/to/python."; exit 1; }
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --requirement requirements.lock
	$(RUN) -m pip install --quiet --no-deps --editable .
	$(RUN) -c "import librosa.feature.spectral"  # compiles what librosa would else compile in the middle of a run
	touch $@

clean:
	rm -rf .venv
