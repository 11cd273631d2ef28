# Two commands: `make demo` shows what the farm does, `make test` shows that it does it right. No root, no Docker: the tests
# in containers (`make test-container` alone) run where an engine answers, and are skipped with the reason elsewhere.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo test test-container test-hosts lint bench mutants mutants-all environment clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SCHEMA := hil/site/schema.json
OUT := build/test
FAULTS_PART := 24  # besides what a change touches, `make test` plants one fault in so many, by turns
PYTEST_DIRS := $(wildcard tests/unit tests/protocol tests/site)
ROBOT_SUITES := robot/suites
# Two files at a time, the longest first: lock-step time uses one core, and what waits in scaled time needs little. Compose v2 is not part of
# the environment, since its package builds itself with tools of its own; it is installed where an engine has none.
LONGEST_FIRST := --no-loadscope-reorder $(patsubst %,tests/container/test_container_%.py,lockstep run serial)
CONTAINER_TESTS := .ci/compose-v2 && $(BIN)/python -m pytest -q -n 2 --dist loadfile $(LONGEST_FIRST) tests/container

demo: $(READY)
	@$(BIN)/hil run

test: lint
	@rm -rf $(OUT) && mkdir -p $(OUT)
	@$(BIN)/python .ci/tally.py collect $(OUT) $(PYTEST_DIRS) -- $(ROBOT_SUITES) -- tests/container
	@rc=0; $(BIN)/python -m pytest -q -n 2 --junitxml=$(OUT)/pytest.xml $(PYTEST_DIRS) || rc=$$?; echo $$rc > $(OUT)/pytest.rc
	@rc=0; $(BIN)/hil run --output $(OUT)/robot $(ROBOT_SUITES) || rc=$$?; echo $$rc > $(OUT)/robot.rc
	@rc=0; $(BIN)/python tests/mutants/run.py --part $(FAULTS_PART) --junit $(OUT)/mutants.xml || rc=$$?; echo $$rc > $(OUT)/mutants.rc
	@rc=0; $(CONTAINER_TESTS) --junitxml=$(OUT)/container.xml || rc=$$?; echo $$rc > $(OUT)/container.rc
	@$(BIN)/python .ci/tally.py report $(OUT)

test-container: $(READY)
	@$(CONTAINER_TESTS)

# A second engine in namespaces of its own stands for another host; needs root.
test-hosts: $(READY)
	@.ci/compose-v2 && $(BIN)/python -m pytest -q tests/hosts

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/robocop check robot hil/keywords hil/starter

bench: $(READY)
	@for one in benchmarks/*.py; do echo "== $$one"; $(BIN)/python "$$one"; done

# `make mutants` plants what changed since it was last planted; `make mutants MEN-SUB-010 ...` what is named, with all that
# an id begins; `make mutants-all` every fault.
ifeq (mutants,$(firstword $(MAKECMDGOALS)))
NAMED := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(eval $(NAMED):;@:)
endif
mutants: $(READY)
	@$(BIN)/python tests/mutants/run.py $(NAMED)

mutants-all: $(READY)
	@$(BIN)/python tests/mutants/run.py --all

environment: $(READY) $(SCHEMA)

# What editors read to complete a site file; a wheel gets its own when it is built.
$(SCHEMA): $(READY) $(wildcard hil/site/*.py hil/site/*.csv emulators/*/__init__.py emulators/*/*.csv)
	@$(BIN)/hil schema $@

# The exact versions of constraints.txt, also for the build tools: an install in a year is the same as today's.
$(READY): pyproject.toml constraints.txt
	@start=$$SECONDS; \
	python=$$(.ci/find-python); \
	[ -x $(BIN)/python ] || "$$python" -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$$python cannot make a virtual environment. On Debian: apt install python3-venv" >&2; exit 1; }; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools wheel; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e '.[dev]'; \
	touch $@; echo "environment $(VENV) ready ($$((SECONDS - start)) s)"

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
