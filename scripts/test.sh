#!/usr/bin/env bash
# The linters, then every test: what this machine cannot do is skipped and named with its reason at the end (-ra).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/lint.sh
pytest -n 2 --dist loadgroup "$@"
