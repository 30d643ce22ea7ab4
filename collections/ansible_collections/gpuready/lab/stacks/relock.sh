#!/usr/bin/env bash
# Makes locks/NAME.txt from locks/NAME.in: every requirement pinned and hashed, and nothing of this machine in it.
#   stacks/relock.sh [NAME...]      all of them without a name; a pin that still fits is kept, --upgrade as first argument moves them
# The first line of an .in says for which Python and platform. NAME.override takes a requirement out of what packages ask for;
# NAME.fixed is appended as it is (wheels of an index that is not searched). PyTorch's CPU index is searched as well:
# RELOCK_CPU_INDEX names another one, RELOCK_FIND_LINKS a folder of wheels to use instead of it.
set -euo pipefail
cd "$(dirname "$0")/locks"
upgrade=()
if [ "${1:-}" = --upgrade ]; then upgrade=(--upgrade); shift; fi
[ $# -gt 0 ] || set -- *.in
if [ -n "${RELOCK_FIND_LINKS:-}" ]; then
    where=(--find-links "$RELOCK_FIND_LINKS")
else
    where=(--index "${RELOCK_CPU_INDEX:-https://download.pytorch.org/whl/cpu}" --index-strategy unsafe-best-match)
fi
for name; do
    name=${name%.in}
    read -r _ _ python platform < "$name.in"
    options=(--python-version "$python" --python-platform "$platform" --generate-hashes --no-emit-index-url --no-emit-find-links
        --annotation-style line --custom-compile-command "stacks/relock.sh $name" --no-progress --quiet)
    if grep -q '+cpu$' "$name.in"; then options+=("${where[@]}"); fi
    if [ -f "$name.override" ]; then options+=(--override "$name.override"); fi
    uv pip compile "$name.in" "${options[@]}" "${upgrade[@]}" --output-file "$name.txt"
    if [ -f "$name.fixed" ]; then cat "$name.fixed" >> "$name.txt"; fi
    echo "$name: $(grep -c '==' "$name.txt") packages"
done
