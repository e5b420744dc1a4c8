#!/usr/bin/env bash
# Reads the tables from outside while many runs fail at random (HEADWORKS_WATCHED_RUNS).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --locked --workspace
folder=$(mktemp -d /tmp/headworks-soak.XXXXXX)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet deltalake==1.6.* pyarrow
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
"$folder/bin/python" tests/watched.py "$target/debug/headworks"
