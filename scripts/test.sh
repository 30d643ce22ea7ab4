#!/usr/bin/env bash
# The linters, then every test: what this machine cannot do is skipped and named with its reason (-ra). Options go to the first pytest.
#   pytest    unit, integration, browser
#   winlab    the real PowerShell engine on Wine machines, with the coverage of every .ps1; skipped where it is not installed
#   molecule  a scenario for each role
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '\n=== %s (%s s)\n' "$1" "$SECONDS"; }
# A scenario waits as much as it works: the linters run beside them.
mkdir -p .cache
setsid molecule test --all >.cache/molecule.log 2>&1 </dev/null &
molecule=$!
trap 'kill -- -"$molecule" 2>/dev/null || true' EXIT
say lint
scripts/lint.sh
say molecule
wait "$molecule" || { cat .cache/molecule.log; exit 1; }
trap - EXIT
sed -n '/SCENARIO RECAP/,$p' .cache/molecule.log
say winlab
if python -c "import sys; sys.path.insert(0, 'tests/winlab'); import winlab; sys.exit(winlab.why_not())"; then
    # In the order of the files, not by how many tests each has: the longest tests are few to a file, and would be left for one worker.
    # One worker more than CPUs: a machine that waits for another one, or for Windows to settle, leaves a quarter of their time.
    python tests/winlab/ps_coverage run --durations=25 -n "$(($(nproc) + 1))" --dist loadfile --no-loadscope-reorder tests/winlab
else
    pytest tests/winlab
fi
say pytest
pytest -n "$(($(nproc) + 1))" --dist loadfile --ignore tests/winlab tests "$@"
say done
