#!/usr/bin/env bash
# Every linter of the project; stops at the first that finds something.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
mypy
mypy --python-version 3.9 collections/ansible_collections/gpuready/lab/plugins/module_utils
yamllint --strict .
python tests/ps51/check.py
ansible-lint --offline --strict
scripts/sanity.sh
scripts/site.sh
