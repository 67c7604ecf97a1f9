# make help lists what can be done
SHELL := /bin/sh
PYTHON ?= python3
UV := .local/uv/bin/uv
RESIDENTS ?= 20000
export UV_PROJECT_ENVIRONMENT := .venv

.PHONY: help setup demo test check stop format features messages pictures clean

help: ## this list
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

.local/uv/bin/uv:
	@mkdir -p .local
	$(PYTHON) -m venv .local/uv
	.local/uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.5'

.venv/.ready: pyproject.toml uv.lock | .local/uv/bin/uv
	$(UV) sync --locked --quiet --python $(PYTHON)
	@touch $@

node_modules/.ready: package.json package-lock.json .venv/.ready
	.venv/bin/python -m yigong.portal.assets
	@touch $@

.local/.rules-ready: yigong/standards/quality/machine.py .venv/.ready
	@.venv/bin/python -m yigong.standards.quality.warm
	@touch $@

setup: .venv/.ready node_modules/.ready .local/.rules-ready ## environment and browser assets
	@.venv/bin/python -m yigong.portal.messages compile
	@.venv/bin/python -m yigong.platform.empi.engine.warm
	@.venv/bin/python -c 'from yigong.platform.empi.engine import kernels; kernels.prepare()'

demo: setup ## the demonstration county on http://127.0.0.1:8000 (ONCE=1 does not serve, RESIDENTS=20000)
	@.venv/bin/yigong demo --residents $(RESIDENTS) $(if $(ONCE),--once)

test: setup ## the whole suite on a real PostgreSQL, browser journeys included
	@.venv/bin/python -m yigong.portal.browser
	.venv/bin/pytest -n 2 --dist loadfile $(ARGS)

check: setup ## format, lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports --config pyproject.toml
	.venv/bin/mypy yigong

format: setup ## write the code in the house's form
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

stop: ## end the servers that the others started
	@if [ -x .venv/bin/yigong ]; then .venv/bin/yigong stop; fi

features: setup ## the table of features with their passing tests
	.venv/bin/python -m yigong.portal.features

pictures: setup ## the README's pictures from the running demonstration (URL=…)
	@.venv/bin/python -m yigong.portal.browser
	@.venv/bin/python -m yigong.portal.pictures $(if $(URL),--url $(URL))

messages: setup ## collect the sentences of every module into its catalogues
	.venv/bin/python -m yigong.portal.messages collect

bench-%: setup ## one benchmark, ours and the peer side by side; closes with one line of JSON
	UV_COMPILE_BYTECODE=1 $(UV) sync --locked --quiet --python $(PYTHON) --group bench
	@.venv/bin/python -m benchmarks.bench_$*

clean: stop ## remove environment and data of this installation
	rm -rf .venv .local node_modules
