# `make` prints this menu. Everything lives in .venv; nothing outside the folder is touched but system packages for tests.
PYTHON ?= python3
BIN := .venv/bin
DIST := dist

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-faults soak bench bench-ingest bench-push bench-readers bench-hundred bench-widget bench-flood release-widget release docs reference test-release test-fuzz test-clients test-web check format lock test-system clean

help: ## Print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/installed ## Install into .venv (leaves .venv/bin/ticker)

.venv/installed: requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 setup"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Simulated exchanges, no network: http://127.0.0.1:8080/embed/article
	@$(BIN)/ticker demo

run: setup ## Live prices: http://127.0.0.1:8080/embed/krw
	@$(BIN)/ticker run

test: setup test-system check ## The fast gate, then end to end and in a browser
	$(BIN)/pytest -q tests/e2e tests/browser

test-faults: setup test-system ## Every fault the program promises to survive (five minutes)
	@ls -r tests/faults/test_*.py | xargs -P 4 -n 1 $(BIN)/pytest -q

soak: setup test-system ## Two hours of random faults under 2,000 readers (SOAK_S=7200 SOAK_SEED=)
	@PYTHONPATH=. $(BIN)/python -m bench.soak

bench: bench-ingest bench-push bench-readers bench-widget bench-flood ## Every benchmark, written to bench/results

bench-ingest: setup ## Prices in, beside cryptofeed and ccxt.pro (installed into .bench-peers)
	@PYTHONPATH=. $(BIN)/python bench/ingest/run.py

bench-push: setup ## What a delivery costs beside peers, interleaved (gcc, two cores)
	@PYTHONPATH=. $(BIN)/python bench/push/run.py

bench-hundred: setup ## 100,000 sidebars on this machine (gcc, two cores, two minutes)
	@PYTHONPATH=. $(BIN)/python bench/push/hundred.py

bench-readers: setup ## What readers cost in other ways, a tick's way to them, storms, snapshots (gcc, wrk, nginx)
	@for one in figures latency storm snapshot; do PYTHONPATH=. $(BIN)/python bench/push/$$one.py || exit 1; done

bench-flood: setup ## 2,000 markets of 18 simulated exchanges at 5,000 ticks a second
	@PYTHONPATH=. $(BIN)/python bench/flood.py

bench-widget: setup test-system ## What the sidebar costs a page
	@PYTHONPATH=. $(BIN)/python -m bench.widget

release-widget: setup ## Minify widget.js into static/released/ (Node)
	@PYTHONPATH=. $(BIN)/python -m bench.release_widget

test-web: setup test-system ## Firefox, WebKit, axe, Lighthouse; what is missing is named
	@test -d .web-tools/python/selenium || $(BIN)/pip install --quiet --disable-pip-version-check --target .web-tools/python selenium || true
	PYTHONPATH=.web-tools/python $$(command -v xvfb-run >/dev/null && echo xvfb-run -a) $(BIN)/pytest -q tests/web

test-clients: setup test-system ## Websocket clients that others wrote, directly and through nginx
	$(BIN)/pytest -q tests/clients

test-fuzz: setup test-system ## Strangers' bytes and odd requests, made up by machines (FUZZ_RUNS=100000)
	$(BIN)/pytest -q tests/fuzz

test-release: setup ## The built wheel in clean venvs of each Python that is here, without a compiler
	$(BIN)/pytest -q -rs tests/release

docs: .venv-publish/installed ## The documentation as a site in site/, without a warning
	NO_MKDOCS_2_WARNING=1 .venv-publish/bin/mkdocs build --strict --quiet

release: .venv-publish/installed ## Wheel, sdist and CycloneDX bill of materials into dist/
	@rm -rf $(DIST) build/bill && mkdir -p build
	@.venv-publish/bin/python -m build --no-isolation --outdir $(DIST) . >/dev/null
	@$(PYTHON) -m venv --without-pip build/bill
	@.venv-publish/bin/pip --python build/bill/bin/python install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@sed "s/^dynamic = .*/version = \"$$(basename $(DIST)/*.whl | cut -d- -f2)\"/" pyproject.toml > build/bill.toml
	@.venv-publish/bin/cyclonedx-py environment --pyproject build/bill.toml --output-reproducible -o $(DIST)/ticker.cdx.json build/bill
	@rm -rf build/bill build/bill.toml && ls -l $(DIST)

.venv-publish/installed: requirements-publish.lock
	$(PYTHON) -m venv .venv-publish
	.venv-publish/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-publish.lock
	@touch $@

check: setup ## The fast gate: format, lint, types, unit and contract tests
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/pytest -q --numprocesses 4 --dist worksteal tests/unit tests/contract

reference: setup ## Write docs/commands.md from every command's --help
	$(BIN)/python -m tests.reference

format: setup ## Let ruff write the layout
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-system: ## Chromium, Redis, a Korean font and libfaketime for the tests (apt)
	@sh tests/system-packages.sh

lock: ## Pin every dependency by hash, without addresses (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group dev -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group docs --group release -o requirements-publish.lock

clean: ## Remove what was built and cached
	rm -rf .venv .venv-publish .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist site ticker-data
