# make reproduce: build .venv if need be, then regenerate the paper.   make test: build it if need be, then test.
# PYTHON names the interpreter that .venv is made from (3.11, 3.12 or 3.13). GPU=1, with any of them: .venv can use a GPU.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
RUN := .venv/bin/python

.PHONY: reproduce ravdess test lint bench lab bundle clean

reproduce: .venv/ready
	$(RUN) run_all.py $(ARGS)

# From nothing to the pages of docs/ravdess. DATA: where the corpus lies or is downloaded to; ACCEPT=1: its licence is accepted.
DATA = $(or $(DSLITE_DATA),corpora)
OUTPUT = ravdess_run
ravdess: .venv/ready
	$(RUN) run_all.py --download ravdess --data "$(DATA)" $(if $(ACCEPT),--accept-licence)
	$(RUN) run_all.py --corpora ravdess --data "$(DATA)" --profile full --reading sound --backbone efficientnet_lite0 \
		--output "$(OUTPUT)" $(ARGS)
	-@test ! -e "$(OUTPUT)/reports/index.html" || $(RUN) -m webbrowser "file://$(abspath $(OUTPUT))/reports/index.html"

test: .venv/ready lint .venv/browser .venv/search .venv/cluster .venv/crate/ready
	$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: .venv/ready
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -c "from importlinter.cli import lint_imports_command as lint; lint()"

# What drives Chromium in the tests takes 165 MB, and nobody needs it who does not test.
.venv/browser: tests/browser.lock .venv/ready
	$(RUN) -m pip install --quiet --requirement tests/browser.lock
	touch $@

# What checks a run's RO-Crate in the tests needs an older rich than pinned: 80 MB of its own.
.venv/crate/ready: tests/crate.lock .venv/ready
	$(RUN) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement tests/crate.lock
	touch $@

# Of the stage search alone: Optuna and what it needs, 9 MB.
.venv/search: requirements-search.lock .venv/ready
	$(RUN) -m pip install --quiet --requirement requirements-search.lock
	touch $@

# Of --cluster slurm alone: Snakemake's plug-in, 0.2 MB. SLURM itself is the cluster's.
.venv/cluster: requirements-cluster.lock .venv/ready
	$(RUN) -m pip install --quiet --requirement requirements-cluster.lock
	touch $@

bench: .venv/ready
	$(RUN) -m benchmarks $(ARGS)

lab: .venv/ready
	$(RUN) -m jupyter lab --ServerApp.root_dir=. --ServerApp.preferred_dir=notebooks

bundle: .venv/ready
	$(RUN) run_all.py --bundle $(ARGS)

# On Linux the lock has TensorFlow's CPU build; with GPU=1 its CUDA build of the same version takes that one's place.
.venv/ready: .venv/$(if $(GPU),gpu,cpu)
	touch $@

# Where the stamp of the wanted build is missing, .venv holds nothing, the other build or an installation cut short.
.venv/cpu .venv/gpu: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "dslite needs Python 3.11, 3.12 or 3.13; none was found. Set PYTHON=/path/to/python."; exit 1; }
	test -e $@ || $(PYTHON) -m venv --clear .venv
	$(RUN) -m pip install --quiet --no-compile --requirement requirements.lock  # most modules are never imported
	$(if $(GPU),$(CUDA))
	$(SLIM)
	$(RUN) -m pip install --quiet --no-deps --editable .
	$(RUN) -c "import librosa.feature.spectral"  # compiles what librosa would else compile in the middle of a run
	touch $@

# What pip brings along and nothing here uses, 1 GB: C++ headers, clang, remote debugging, other packages' tests, solvers of
# linear programs, a GPU's kernels, symbol tables. Libraries that auditwheel renamed (*.libs) do not survive `strip`.
SLIM = $(RUN) -m pip uninstall --quiet --yes libclang grpcio; cd .venv/lib/python3.*/site-packages && \
	rm -rf tensorflow/include pyarrow/include pyarrow/*flight* pulp/solverdir/cbc ai_edge_litert/libLiteRtWebGpu* \
	ai_edge_litert/tools/apply_plugin_main jedi/third_party/django-stubs && \
	find . -type d -name tests -prune -exec rm -rf {} + && { test "$$(uname)" != Linux || find . -name "*.so*" -type f \
	-size +1M -not -path "*.libs/*" -exec strip --strip-unneeded {} + 2>/dev/null || true; }

# Both distributions own the folder `tensorflow`: one that is installed beside or after the other leaves it broken.
CUDA = $(RUN) -m pip uninstall --quiet --yes tensorflow-cpu tensorflow && $(RUN) -m pip install --quiet \
	--constraint requirements.lock "tensorflow[and-cuda]==$$(sed -n 's/^tensorflow==\([^ ;]*\).*/\1/p' requirements.lock)"

clean:
	rm -rf .venv
