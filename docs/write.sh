#!/usr/bin/env bash
# Writes what the demo prints into docs/demo.md and an excerpt into README.md, so that both show the program as it is.
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
{
  sed '/^```text$/q' README.md
  grep -m1 -A2 '^✗ fact_orders' "$place/output.txt"
  echo '…'
  grep -m1 '^✓ fact_orders' "$place/output.txt"
  sed '1,/^```text$/d' README.md | sed -n '/^```$/,$p'
} >"$place/readme.md"
cp "$place/readme.md" README.md
echo "docs/demo.md and README.md are written"
