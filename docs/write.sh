#!/usr/bin/env bash
# Writes what the demo prints into docs/demo.md, so that the page shows the program as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --workspace --quiet
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
(cd "$place" && "$target/debug/headworks" demo --rows 1000000 --seed 42 --into headworks-demo) >"$place/output.txt"
sed -n '/^```text$/q;p' docs/demo.md >"$place/page.md"
{ echo '```text'; sed '/./,$!d' "$place/output.txt"; echo '```'; } >>"$place/page.md"
cp "$place/page.md" docs/demo.md
echo "docs/demo.md is written"
