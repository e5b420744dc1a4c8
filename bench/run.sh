#!/usr/bin/env bash
# Measures Headworks against DuckDB on the same data, in alternating runs, and prints ratios.
#   ROWS=10000000 RUNS=3 ONLY=assess make bench    (ONLY: pipeline, rules, plan or assess; all where it is not set)
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${ROWS:-10000000}
runs=${RUNS:-3}
work=${BENCH_WORK:-$(mktemp -d /tmp/headworks-bench.XXXXXX)}
echo "compiling (the profile that make demo uses)"
cargo build --locked --workspace --quiet
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
[ -x "$work/venv/bin/python" ] || { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet duckdb==2.0.0; }
"$work/venv/bin/python" bench/measure.py --headworks "$target/debug/headworks" --rows "$rows" --runs "$runs" --work "$work" ${ONLY:+--only "$ONLY"}
[ -n "${ONLY:-}" ] || "$work/venv/bin/python" bench/rules.py --headworks "$target/debug/headworks" --rows "$rows" --runs "$runs" --work "$work"
