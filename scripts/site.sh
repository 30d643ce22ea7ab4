#!/usr/bin/env bash
# The documentation as pages, in dist/site; a warning is an error. What makes them is the group `site` of pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .uv/bin/uv)
"$uv" sync --quiet --frozen --inexact --group site --no-install-project --python "$(command -v python)"
python scripts/site/build.py
