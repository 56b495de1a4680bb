# Two commands: `make verify` (the main job) and `make test`. Both set up what is missing, once. An interrupted
# `make verify` goes on where it was.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
OUT    ?= out
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Container images often set it: every process would compile the whole package from its sources.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: verify papers report test test-portable test-browser test-versions docs lint compile bench benchmark formal clean

verify: $(READY)
	mkdir -p $(OUT)
	$(BIN)/vvnorm verify --json $(OUT)/verify.json --resume
	$(BIN)/vvnorm figures --out $(OUT)/figures --json $(OUT)/figures.json

# A page for each paper whose statements are tested: out/papers/index.html.
papers: $(READY)
	mkdir -p $(OUT)
	$(BIN)/vvnorm papers --out $(OUT)/papers --json $(OUT)/papers.json --resume

# On a new machine mypy and the compiler take a minute each. The two run side by side; test processes that find compiled
# code do not each compile it.
test: $(READY)
	$(MAKE) --jobs=2 lint compile
	$(BIN)/python -m pytest

# One HTML file about all claims and figures; whatever `make verify` has not computed yet is computed first.
report: $(READY)
	mkdir -p $(OUT)
	$(BIN)/vvnorm report --results $(OUT) --out $(OUT)/report.html

# The reports in a real browser: Debian's Chromium, which is installed if missing.
test-browser: $(READY)
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || (apt-get update -qq && apt-get install -qq -y chromium chromium-driver)
	$(BIN)/python -m pip install --quiet 'selenium>=4.20'
	$(BIN)/python -m pytest -n 0 -m browser tests/reporting

# The tests under all settings of BLAS, numpy, torch, numba and threads that this processor supports, several in each run:
# about five times as long. `tests/portable.py --resume` goes on where a call was interrupted.
test-portable: $(READY)
	$(BIN)/python tests/portable.py

# The built package in new environments: each Python from 3.11 to 3.13 that is here, and the lowest allowed dependencies.
test-versions:
	$(PYTHON) tests/versions.py --write docs/versions.md

# The documentation as a site that loads nothing from elsewhere: out/site/index.html; its search needs a server such as
# `python -m http.server -d out/site`. A warning is an error.
docs: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m mkdocs build --quiet

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

compile: $(READY)
	$(BIN)/vvnorm compile

# What other programs can do on the same problems: writes docs/comparison.md, in at most a quarter of an hour.
benchmark: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[benchmark]'
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.comparison --write docs/comparison.md

bench: $(READY)
	$(BIN)/python -m benchmarks.univariate_interpolation
	$(BIN)/python -m benchmarks.trend
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.multivariate
	$(BIN)/python -m benchmarks.bounds
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.multitask

# The machine-checked proofs. Needs Coq (installed by apt-get if root) and no Python package.
formal:
	$(PYTHON) -m proofs_checks.formal.check --install

# The stamp is written last, so an interrupted installation is taken up again.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
