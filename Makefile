# The same words as the continuous integration uses. `make check test` before a commit.
PYTHON = .venv/bin/python

.PHONY: install format check test fuzz bench docs
install:
	python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[test,docs]"

format:
	.venv/bin/ruff check --fix-only . && .venv/bin/ruff format .

check:
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/pyright --pythonpath .venv/bin/python

test:
	$(PYTHON) -m pytest

# Broken files and settings, 2,000 by default: AVSSL_FUZZ_SEED=7 AVSSL_FUZZ_INPUTS=20000 make fuzz
fuzz:
	AVSSL_FUZZ_INPUTS=$${AVSSL_FUZZ_INPUTS:-2000} $(PYTHON) -m pytest -q -o faulthandler_timeout=1800 tests/fuzz

bench:
	$(PYTHON) benchmarks/reading.py && $(PYTHON) benchmarks/training.py && $(PYTHON) benchmarks/transforms.py && $(PYTHON) benchmarks/views.py && $(PYTHON) benchmarks/clustering.py && $(PYTHON) benchmarks/propagation.py && $(PYTHON) benchmarks/evaluation.py

docs:
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
