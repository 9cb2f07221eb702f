.DEFAULT_GOAL := help
.PHONY: help setup lock demo demo-cluster cluster-tools test test-unit test-all test-pythons chaos soak check format bench sync-chart bundle dist version clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.made-from-locks
# One more than the two cores of CI: tests of the cluster wait longer than they compute.
WORKERS ?= 3
export UV_NO_PROGRESS := 1
# What was compiled is kept: the tests start hundreds of processes, and rewrite each assertion of theirs.
unexport PYTHONDONTWRITEBYTECODE

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Make .venv with everything from the hashed locks; leaves .venv/bin/medusa-db

$(STAMP): pyproject.toml requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11; name a newer one: make setup PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "Python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --require-hashes --disable-pip-version-check -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q cli/medusa_db migrations/medusa_migrations project/medusa_project seed/medusa_seed operator/medusa_operator testbed/medusa_testbed
	@touch $@

lock:  ## Renew requirements/*.txt from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  --all-extras --group dev -o requirements/dev.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  -o requirements/bench.txt requirements/bench.in
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  --extra operator --constraint requirements/dev.txt -o requirements/image.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	  --constraint requirements/dev.txt -o requirements/runner.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --constraint requirements/dev.txt -o requirements/build.txt requirements/build.in
	grep -A1000 '^uv==' requirements/dev.txt | awk 'NR > 1 && /^[a-z]/ {exit} !/# via/' > requirements/uv.txt

demo: $(STAMP)  ## An old shop on a private PostgreSQL, brought to the newest version
	@$(BIN)/medusa-db demo

demo-cluster: $(STAMP)  ## A Kubernetes of your own with the operator and a shop; needs Go
	@$(BIN)/python demo/cluster.py

cluster-tools: $(STAMP)  ## Build the programs of test cluster and node, once; needs Go
	@$(BIN)/python -m medusa_testbed.tools

test: $(STAMP)  ## Every tier whose parts this machine has; ARGS="-k name" for some
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-unit: $(STAMP)  ## The unit tests alone, in less than a minute
	@$(BIN)/python -m pytest -n 2 tests/unit $(ARGS)

test-all: $(STAMP)  ## The long matrices too
	@MEDUSA_TEST_ALL=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
	@MEDUSA_TEST_ALL=1 $(BIN)/python tests/support/pythons.py

test-pythons: $(STAMP)  ## The unit tests on the newest other Python here; on each with MEDUSA_TEST_ALL=1
	@$(BIN)/python tests/support/pythons.py

chaos: $(STAMP)  ## A time of chaos on the real control plane (tests/cluster/README.md)
	@$(BIN)/python -m pytest -p no:cacheprovider tests/cluster/test_chaos.py

soak: $(STAMP)  ## Six hours of churn on a real node; MEDUSA_SOAK_SECONDS=600 for some of it
	@MEDUSA_SOAK_SECONDS=$${MEDUSA_SOAK_SECONDS:-21600} $(BIN)/python -m pytest -p no:cacheprovider tests/node/test_soak.py

check: $(STAMP)  ## Lint, format, types, import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(STAMP)  ## Format and fix what the linter can
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format

bench: $(STAMP)  ## Side by side with the alternatives; ARGS="--only fleet --quick" for some
	@$(BIN)/python bench/run.py $(ARGS)

sync-chart: $(STAMP)  ## Renew what is made of other files: the chart's copies of deploy/, Argo CD's ConfigMap
	@cp deploy/crd/medusadatabases.yaml helm/medusa-db-operator/files/medusadatabases.yaml
	@cp deploy/options/prometheus-rule/prometheusrule.yaml helm/medusa-db-operator/files/prometheusrule.yaml
	@cp deploy/options/dashboard/medusa-database-operator.json helm/medusa-db-operator/files/dashboard.json
	@$(BIN)/python tests/support/argocd.py

bundle: $(STAMP)  ## The bundle for the Operator Lifecycle Manager, in dist/olm; ARGS="--image registry.example.com/..."
	@rm -rf dist/olm
	@$(BIN)/python deploy/olm/bundle.py dist/olm $(ARGS)

dist: $(STAMP)  ## The wheel and both charts, in dist/; needs helm
	@command -v helm >/dev/null || { echo "helm packs the charts, and is not installed" >&2; exit 1; }
	@rm -rf dist
	@$(BIN)/hatchling build --target wheel
	@helm package --destination dist helm/*

version:  ## Print the version that is built
	@sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml

clean:  ## Remove the virtual environment and caches
	rm -rf $(VENV) dist .pythons .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
