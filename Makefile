# The same words as the continuous integration uses. `make check test` before a commit.
PYTHON = .venv/bin/python

.PHONY: install format check test bench docs
install:
	python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e ".[test,docs]"

format:
	.venv/bin/ruff check --fix-only . && .venv/bin/ruff format .

check:
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/pyright --pythonpath .venv/bin/python

test:
	$(PYTHON) -m pytest

bench:
	$(PYTHON) tools/bench_reading.py && $(PYTHON) tools/bench_training.py && $(PYTHON) tools/bench_pretext.py && $(PYTHON) tools/bench_views.py && $(PYTHON) tools/bench_evaluation.py

docs:
	.venv/bin/mkdocs build --strict
