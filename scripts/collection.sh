#!/usr/bin/env bash
# Build the collection into a folder (dist): gpuready-lab-VERSION.tar.gz, which ansible-galaxy installs. ansible-galaxy drops
# links that lead out of the collection, so it builds a copy in which roles, playbooks and the others are files.
set -euo pipefail
target=$(realpath -m "${1:-dist}")
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -RL collections/ansible_collections/gpuready/lab "$copy"
mkdir -p "$target"
ansible-galaxy collection build --force --output-path "$target" "$copy/lab"
