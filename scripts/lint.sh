#!/usr/bin/env bash
# Every linter of the project; stops at the first that finds something.
set -euo pipefail
cd "$(dirname "$0")/.."
ruff check .
ruff format --check .
mypy
yamllint --strict .
ansible-lint --offline --strict
