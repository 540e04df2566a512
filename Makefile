# setup: what `make run` needs, into .venv and cloud/web/dist    run: the canteen at lunch (FRESH=1 starts over)
# test: every check there is    bench: figures (ONLY=name for one)    simulate: worlds of faults and planted bugs (SEEDS=n)
# docs: the generated pages    lock: the package locks    clean: all of what the above made

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
OURS := .venv/bin/python
SEEDS ?= 20
WORKERS ?= 2
LOCK := $(OURS) -m uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header --no-annotate

export PYTHONPATH := firmware-sim
export SEEDS

.PHONY: setup run test bench simulate docs lock clean python
.DEFAULT_GOAL := run

setup: python
	@exec $(PYTHON) -m tools.setup

run: python
	@exec $(PYTHON) -m tools.run

test: python
	@$(PYTHON) -m tools.setup_tests
	@exec $(OURS) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

bench: python
	@$(PYTHON) -m tools.setup_tests --quiet
	@exec $(OURS) -m tests.bench

simulate: python
	@$(PYTHON) -m tools.setup_tests --quiet
	@exec $(OURS) -m tests.simulation $(ARGS)

docs: python
	@exec $(PYTHON) -m tools.capabilities --write

lock:
	$(OURS) -m pip install --quiet uv
	$(LOCK) requirements/run.in --output-file requirements/run.txt
	$(LOCK) requirements/test.in --output-file requirements/test.txt
	$(LOCK) requirements/node.in --output-file requirements/node.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
	  var cloud/web/dist cloud/web/node_modules

python:
	@test -n "$(PYTHON)" || { echo "Quartermaster needs Python 3.11 or later: install it, or name it with PYTHON=..."; exit 1; }
