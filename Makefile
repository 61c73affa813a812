# Every target sets up what it needs: Python 3.11 or newer, venv and make are enough.
PYTHON ?= python3
BIN := .venv/bin
# Processes of pytest, two on each core: tests wait for half of their time.
WORKERS ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 2))))
# The oldest Python that is supported.
OLDEST ?= python3.11

# pytest keeps the modules that it rewrote, and each process reads them. An environment of which little is used is
# installed with --no-compile.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install collect infra-tools client-tools docs-tools docs pictures run test proofs test-oldest fresh faults soak fuzz nightly bench lint lint-infra format openapi lock clean

help: ## Show what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

define new-venv
	$(1) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "callvault needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(1) -m venv $(@D)
endef
pip = $(@D)/bin/pip install --disable-pip-version-check

.venv/installed: requirements-test.lock pyproject.toml
	$(call new-venv,$(PYTHON))
	$(pip) --quiet --require-hashes -r requirements-test.lock
	$(pip) --quiet --no-deps --no-build-isolation -e .
	touch $@

install: .venv/installed ## Make .venv with the hashed locks, and the package in it.

# One process leaves the modules that pytest rewrote for those that come together: each of them would rewrite them all.
collect: install ## Collect every test and run none.
	@said=$$($(BIN)/pytest --collect-only -qq 2>&1) || { echo "$$said"; exit 1; }

.venv-infra/installed: infra/requirements.lock
	$(PYTHON) -m venv .venv-infra
	.venv-infra/bin/pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r infra/requirements.lock
	touch $@

infra-tools: .venv-infra/installed ## Make .venv-infra with the tools that only lint-infra needs.

.venv-clients/installed: tests/web/clients/requirements.lock
	$(PYTHON) -m venv .venv-clients
	.venv-clients/bin/pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r tests/web/clients/requirements.lock
	touch $@

tests/web/clients/typescript/node_modules/.package-lock.json: tests/web/clients/typescript/package-lock.json
	npm ci --prefix tests/web/clients/typescript --ignore-scripts --no-audit --no-fund --silent

tests/servers/oidc_provider/node_modules/.package-lock.json: tests/servers/oidc_provider/package-lock.json
	npm ci --prefix tests/servers/oidc_provider --ignore-scripts --no-audit --no-fund --silent

# The checker of accessibility is one file of an npm package, checked by the hash of the package.
AXE := 4.14.1
.venv-clients/axe.min.js: .venv-clients/installed tests/web/console/axe.sha512
	cd .venv-clients && npm pack --silent axe-core@$(AXE) >/dev/null && sha512sum --check --quiet ../tests/web/console/axe.sha512
	tar -xzf .venv-clients/axe-core-$(AXE).tgz -C .venv-clients --strip-components 1 package/axe.min.js
	touch $@

client-tools: .venv-clients/installed .venv-clients/axe.min.js tests/web/clients/typescript/node_modules/.package-lock.json tests/servers/oidc_provider/node_modules/.package-lock.json ## Install the generators of clients, the checker of pages and the sign-in provider that the tests use; needs Node.js 20 and npm.

# The script that draws the diagrams is one file of an npm package, checked by the hash of the package.
MERMAID := 12.3.0
.venv-docs/installed: docs/requirements.lock docs/site/mermaid.sha512
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r docs/requirements.lock
	cd .venv-docs && npm pack --silent mermaid@$(MERMAID) >/dev/null && sha512sum --check --quiet ../docs/site/mermaid.sha512
	tar -xzf .venv-docs/mermaid-$(MERMAID).tgz -C .venv-docs --strip-components 2 package/dist/mermaid.min.js
	touch $@

docs-tools: .venv-docs/installed ## Make .venv-docs with the generator of the documentation site; needs npm.

pictures: install client-tools ## Make the pictures of the console in docs/pictures, and the page that shows them; needs Chromium.
	$(BIN)/python -m tests.support.pictures

docs: docs-tools ## Build the documentation site in build/docs/site: every page, search, and the API reference.
	.venv-docs/bin/python docs/site/build.py

# To hear a call, the libraries of the vault are enough: a quarter of the bytes that the tests need. Python compiles
# what the vault imports, which is less than pip would compile.
.venv-run/installed: requirements.lock pyproject.toml
	$(call new-venv,$(PYTHON))
	$(pip) --progress-bar on --no-compile --require-hashes -r requirements.lock
	printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s" -m vault "$$@"\n' "$(CURDIR)" "$(CURDIR)/$(@D)/bin/python" > $(@D)/bin/callvault
	chmod +x $(@D)/bin/callvault
	touch $@

run: .venv-run/installed ## Push a bundled call through the whole vault, print a link to hear it, and keep serving.
	.venv-run/bin/callvault demo

test: install ## Run the tests that need no server but PostgreSQL, and the main journeys.
	$(BIN)/pytest -m "not proof" -n $(WORKERS) --dist loadgroup

proofs: install ## Run all other tests: every store and browser, the pages, races and kills with small counts.
	$(BIN)/pytest -m proof -n $(WORKERS) --dist loadgroup

.venv-oldest/installed: requirements-test.lock pyproject.toml
	$(call new-venv,$(OLDEST))
	$(pip) --quiet --no-compile --require-hashes -r requirements-test.lock
	touch $@

test-oldest: .venv-oldest/installed ## Run what is pure, the cookies, and the file of SQLite, on the oldest Python: OLDEST=python3.11.
	.venv-oldest/bin/python -m pytest -n $(WORKERS) --dist loadgroup -p no:cacheprovider -q \
	  tests/domain tests/sealing tests/tlog tests/database/test_sqlite_file.py tests/web/test_cookies.py tests/test_house.py

fresh: ## Run both on empty Debian 13 and testing, as a new user; needs root and debootstrap: FRESH="testing run" for less.
	tests/fresh/run.sh $(FRESH)

faults: install ## Run the fault suite with the full counts.
	CALLVAULT_FAULTS=1 $(BIN)/pytest -m faults --timeout 3600 -n logical --dist loadgroup

soak: install ## Load a fleet for half an hour while its processes are killed, and check every promise.
	$(BIN)/python -m tests.soak $(SOAK)

.venv-fuzz/installed: tests/fuzz/requirements.lock
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.lock
	touch $@

fuzz: .venv-fuzz/installed ## Fuzz every parser by what it covers, five minutes each: FUZZ="range --seconds 60" for less.
	.venv-fuzz/bin/python -m tests.fuzz $(FUZZ)

nightly: ## What a scheduler runs each night on a machine with nothing else to do: faults, soak, fuzz, and the whole bench.
	.ci/nightly

bench: install ## Measure: ratios against baselines in one run, with the raw figures.
	$(BIN)/python -m bench

lint: install ## Check style, types, floors, Dockerfiles, templates and the committed contract.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile infra/aws/Dockerfile
	$(BIN)/cfn-lint infra/aws/*.yaml
	$(BIN)/python openapi/generate.py --check

lint-infra: infra-tools ## Check templates, Dockerfiles and the compose file for what is insecure, with tools of their own.
	.venv-infra/bin/python -m checkov.main --quiet --compact --skip-download --framework cloudformation -d infra/aws
	.venv-infra/bin/python -m checkov.main --quiet --compact --skip-download --framework dockerfile -f Dockerfile infra/aws/Dockerfile
	# Left out: namespace, tag and digest are the operator's (an overlay has them); libpq takes a password from a variable or
	# from a file that nobody else can read, which a mounted secret is not; a limit of CPU would slow down who waits.
	.venv-infra/bin/python -m checkov.main --quiet --compact --skip-download --framework kubernetes \
	  --skip-check CKV_K8S_11,CKV_K8S_14,CKV_K8S_21,CKV_K8S_35,CKV_K8S_43 -d infra/kubernetes
	.venv-infra/bin/compose-lint check --quiet --strict-config --fail-on low infra/compose.yaml

format: install ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: install ## Write openapi/openapi.yaml and asyncapi.yaml from the app.
	$(BIN)/python openapi/generate.py

lock: ## Resolve the locks anew; look at the difference before you commit it.
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' pyproject.toml -o requirements.lock
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group test --extra otel pyproject.toml -o requirements-test.lock
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group infra -o infra/requirements.lock
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group fuzz -c requirements.lock pyproject.toml -o tests/fuzz/requirements.lock
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group clients -o tests/web/clients/requirements.lock
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group docs -o docs/requirements.lock
	rm -rf .venv-lock

clean: ## Remove what was made here, the demonstration's data too.
	rm -rf .venv .venv-run .venv-oldest .venv-infra .venv-fuzz .venv-clients .venv-docs tests/web/clients/typescript/node_modules fuzz-findings build var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
