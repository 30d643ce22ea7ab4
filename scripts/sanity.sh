#!/usr/bin/env bash
# `ansible-test sanity` over the collection as `make collection` builds it. Every test that ansible-test has stands in one of
# two lists: those that run, and those that do not, with the reason. One in neither list is an error: a new ansible-core has it.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=(
    action-plugin-docs ansible-doc compile empty-init ignores import line-endings no-assert no-get-exception
    no-illegal-filenames no-smart-quotes pep8 replace-urlopen runtime-metadata shebang symlinks use-argspec-type-path
    use-compat-six yamllint
)
declare -A runs_not=(
    [changelog]="is for fragments of antsibull-changelog; CHANGELOG.md is written by hand"
    [pslint]="needs PowerShell and PSScriptAnalyzer on this machine; tests/winlab runs every .ps1"
    [pylint]="refuses the name _ and, on PCs, subprocess, which alone can end a program in time; ruff and mypy read the same files"
    [shellcheck]="needs the program shellcheck on this machine"
    [validate-modules]="needs PowerShell on this machine, and takes an action's options for mistakes of its module"
)
fail() { echo "scripts/sanity.sh: $1" >&2; exit 1; }

folder=$PWD/.cache/sanity
mkdir -p "$folder/home/.ansible/test/cache"
copy=$(mktemp -d)  # in the repository ansible-test would test what git tracks
trap 'rm -rf "$copy"' EXIT
scripts/collection.sh "$copy" >/dev/null
mkdir -p "$copy/ansible_collections/gpuready/lab"
tar -xzf "$copy"/*.tar.gz -C "$copy/ansible_collections/gpuready/lab"

# Five of the tests need packages. ansible-test makes an environment for each and fetches pip for it from a host of its own,
# unless that was put where ansible-test keeps it: what is put there brings pip and the packages, each checked by its sha256.
uv=$(command -v uv || echo .uv/bin/uv)
"$uv" pip sync --quiet --require-hashes --python "$(command -v python)" --target "$folder/packages" tests/sanity/requirements.txt
cat >"$folder/home/.ansible/test/cache/get_pip_25_2.py" <<PYTHON
import shutil, sysconfig
shutil.copytree("$folder/packages", sysconfig.get_path("purelib"), dirs_exist_ok=True)
PYTHON
mkdir -p "$folder/home/.config/pip"
printf '[global]\nno-index = true\n' >"$folder/home/.config/pip/pip.conf"
export HOME=$folder/home LC_ALL=C.UTF-8
cd "$copy/ansible_collections/gpuready/lab"

there=$(ansible-test sanity --list-tests 2>/dev/null | sort)
known=$(printf '%s\n' "${runs[@]}" "${!runs_not[@]}" | sort)
[ "$there" = "$known" ] || fail "the lists are not ansible-test's: $(diff <(echo "$known") <(echo "$there") | grep '^[<>]' | paste -sd' ')"
arguments=(--color no --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')")
for name in "${runs[@]}"; do arguments+=(--test "$name"); done
ansible-test sanity "${arguments[@]}" >"$folder/log" 2>&1 || { cat "$folder/log"; fail "ansible-test sanity failed"; }
! grep -i 'skipping sanity test' "$folder/log" || fail "a test that must run was skipped"
echo "ansible-test sanity: ${#runs[@]} tests passed"
for name in $(printf '%s\n' "${!runs_not[@]}" | sort); do echo "  not run: $name ${runs_not[$name]}"; done
