#!/bin/bash
# build.sh FOLDER: the guest GPU on Debian, as root, in a minute. Into FOLDER:
#   libd3d12.so, libdxcore.so          built from src/ and the copy of vkd3d in Debian's source package of Wine
#   broken/                            a libd3d12.so that needs a later C library than there is, a library that tells of an old one
#   nocuda/                            the names of CUDA's libraries, for PyTorch's build from PyPI, which names them
#   directml/                          Microsoft's DirectML for Linux as torch-directml's wheel has it, with its licence (MIT) and notices
# What is downloaded has its sha256 in downloads.sha256 and directml.txt. $UV names a uv. Exit 3: this is no Debian, or not root.
# MIT licence.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh FOLDER}
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
site=$(apt-get indextargets --format '$(SITE)' "Origin: Debian" "Codename: $codename" 2>/dev/null | head -n 1) || true
[ "$(id -u)" = 0 ] && [ -n "$site" ] || { echo "the guest GPU is built by root on Debian, from its mirror" >&2; exit 3; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

packages=(gcc libc6-dev make bison flex patch xz-utils mingw-w64-tools libvulkan-dev debian-archive-keyring)
if ! dpkg-query -W "${packages[@]}" >/dev/null 2>&1; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# An apt of its own: the machine's has no sources of Debian 13.
mkdir -p "$work"/apt/{lists/partial,cache/archives/partial} "$work/build" "$work/out/directml"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >"$work/apt/sources.list"
cat >"$work/apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
APT::Sandbox::User "root";
CONF
cd "$work/build"
export APT_CONFIG="$work/apt/apt.conf"
apt-get update -qq
apt-get source -qq --download-only --tar-only wine
sha256sum -c --quiet "$here/downloads.sha256" >&2
tar -xJf wine_*.orig.tar.xz --wildcards --no-wildcards-match-slash 'wine-*/libs/vkd3d' 'wine-*/include/*.idl' \
    'wine-*/include/*.h' 'wine-*/include/wine/rbtree.h' 'wine-*/include/wine/list.h'
set -- wine-*/
patch -s -d "$1/libs/vkd3d" -p1 <"$here/src/vkd3d-guestgpu.patch"
make -s -j "$(nproc)" -f "$here/src/Makefile" WINE="${1%/}"
install -D -m 755 -t "$work/out/" libd3d12.so libdxcore.so
install -D -m 755 -t "$work/out/broken/" broken/*
install -D -m 755 -t "$work/out/nocuda/" nocuda/*

"${UV:-uv}" pip install -q --target "$work/wheel" --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-deps \
    --only-binary :all: --require-hashes -r "$here/directml.txt"
cp "$work/wheel/torch_directml/libdirectml.so" "$work"/wheel/torch_directml-*.dist-info/{LICENSE,NOTICE} "$work/out/directml/"

rm -rf "$out.new"
mkdir -p "$(dirname "$out")"
mv "$work/out" "$out.new"
chmod 755 "$out.new"
rm -rf "$out"
mv "$out.new" "$out"
