#!/usr/bin/env bash
# Makes locks/NAME.txt from locks/NAME.in: every requirement pinned and hashed, and nothing of this machine in it.
#   stacks/relock.sh [NAME...]      all of them without a name; a pin that still fits is kept, --upgrade as first argument moves them
# The first line of an .in says for which Python and platform, the second what supersedes the lock; both, and the day on which its
# requirements last changed, stand at the head of the lock. Pins are written with ===: another index's 2.13.0+cpu meets ==2.13.0.
# NAME.override takes a requirement out of what packages ask for; NAME.fixed is appended as it is (wheels of an index that is not
# searched). PyTorch's CPU index is searched as well: RELOCK_CPU_INDEX names another one, RELOCK_FIND_LINKS a folder of wheels to
# use instead of it.
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
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pins() { grep -v '^#' "$1" || true; }
for name; do
    name=${name%.in}
    read -r _ _ python platform < "$name.in"
    superseded=$(sed -n '2s/^# superseded by //p' "$name.in")
    [ -n "$superseded" ] || { echo "$name.in: its second line does not say '# superseded by ...'" >&2; exit 1; }
    options=(--python-version "$python" --python-platform "$platform" --generate-hashes --no-header --no-emit-index-url
        --no-emit-find-links --annotation-style line --no-progress --quiet)
    if grep -q '+cpu$' "$name.in"; then options+=("${where[@]}"); fi
    if [ -f "$name.override" ]; then options+=(--override "$name.override"); fi
    : > "$work/old"
    if [ -f "$name.txt" ]; then cp "$name.txt" "$work/old"; fi
    sed 's/===/==/' "$work/old" > "$work/$name.txt"    # the pins that uv keeps
    uv pip compile "$name.in" "${options[@]}" "${upgrade[@]}" --output-file "$work/$name.txt"
    for pin in $(sed -n -E 's/^([A-Za-z0-9._-]+==[^ ]*\+[^ ]*).*/\1/p' "$work/$name.txt"); do
        grep -q -x -F "$pin" "$name.in" || { echo "$name: $pin is another build than the one asked for: pin it in $name.in with ===" >&2; exit 1; }
    done
    if [ -f "$name.fixed" ]; then cat "$name.fixed" >> "$work/$name.txt"; fi
    sed -i -E 's/^([A-Za-z0-9][A-Za-z0-9._-]*)==([^=])/\1===\2/' "$work/$name.txt"
    made=$(sed -n 's/^# Made \([0-9-]*\) .*/\1/p' "$work/old")
    if [ -z "$made" ] || ! cmp -s <(pins "$work/old") <(pins "$work/$name.txt"); then made=$(date -u +%F); fi
    {
        echo "# Made $made by stacks/relock.sh $name, for Python $python on $platform."
        echo "# Superseded by $superseded"
        cat "$work/$name.txt"
    } > "$name.txt.new"
    mv "$name.txt.new" "$name.txt"
    echo "$name: $(grep -c '===' "$name.txt") packages, of $made"
done
