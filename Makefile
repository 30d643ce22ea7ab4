# `make provision` and `make test` do all of their own set-up: uv, a Python >= 3.12, the environment in .venv from uv.lock.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN := .venv/bin
INVENTORY ?= inventories/local
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
# pyenv keeps its interpreters behind shims that answer only for the versions named here.
PYTHONS := $(shell command -v pyenv >/dev/null 2>&1 && pyenv versions --bare 2>/dev/null | sort -rV | paste -sd: -)
ENVIRONMENT := $(if $(PYTHONS),PYENV_VERSION=$(PYTHONS))

NO_ENVIRONMENT := Next step: this needs Python 3.12, 3.13 or 3.14 (installed here, or github.com in reach, where uv fetches one) and \
pypi.org in reach. Where a proxy or an index has a certificate authority of its own, its certificate belongs to those of the system \
(on Debian /usr/local/share/ca-certificates and update-ca-certificates), or SSL_CERT_FILE names a file with it. \
Mend what the lines above say, and run the same command again.

# uv trusts what the system trusts: a company's proxy signs with an authority of its own. The older and the newer name.
export UV_NATIVE_TLS ?= 1
export UV_SYSTEM_CERTS ?= 1

# Ansible runs under no locale but an installed one of UTF-8: ssh brings the LANG of another machine, cron has C.
ifneq ($(shell locale charmap 2>&1),UTF-8)
export LC_ALL := C.UTF-8
endif

.PHONY: help setup provision test lint codes bench demo collection release site pictures clean
help:  ## Say what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: .venv/.complete  ## Make the environment; the command line is then .venv/bin/gpuready

.uv/bin/uv:
	python3 -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		-r collections/ansible_collections/gpuready/lab/stacks/uv.txt || { echo "$(NO_ENVIRONMENT)" >&2; exit 1; }

.venv/.complete: uv.lock pyproject.toml | $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv)
	@$(ENVIRONMENT) $(UV) sync --quiet --frozen --inexact --python '>=3.12,<3.15' || { echo "$(NO_ENVIRONMENT)" >&2; exit 1; }
	@touch $@

provision: setup  ## Provision and verify this machine (or INVENTORY=...), write reports/latest
	$(ENVIRONMENT) PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-playbook -i $(INVENTORY) playbooks/provision.yml

demo: setup  ## Facts and plan over a simulated lab
	$(BIN)/gpuready demo

test: setup  ## Lint and run every test that this machine can run; says what it skipped and why
	$(ENVIRONMENT) PATH="$(CURDIR)/$(BIN):$$PATH" scripts/test.sh

lint: setup  ## The linters alone
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/lint.sh

codes: setup  ## Write docs/codes.md anew from codes.yml
	PYTHONPATH=collections $(BIN)/python -c 'from ansible_collections.gpuready.lab.plugins.plugin_utils.remedies import page; print(page.text(), end="")' > docs/codes.md

bench: setup  ## What look, plan and verify cost, as ratios
	$(ENVIRONMENT) PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python bench/bench.py

collection: setup  ## Build the collection for ansible-galaxy into dist
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/collection.sh dist

release: setup  ## Check the version, then build the wheel and the collection into dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/release.py dist

site: setup  ## Make the documentation's pages: dist/site/index.html
	$(ENVIRONMENT) PATH="$(CURDIR)/$(BIN):$$PATH" scripts/site.sh

pictures: setup  ## Run the guides over simulated PCs, and write what they print and their pictures anew (Chromium)
	$(ENVIRONMENT) PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/guides.py

clean:  ## Remove what make made
	rm -rf .venv .uv .cache .ansible dist reports
