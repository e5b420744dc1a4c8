#!/usr/bin/env bash
# Measures Headworks against DuckDB and delta-rs on the same data, in alternating runs, and prints ratios.
#   ROWS=10000000 RUNS=3 ONLY=assess make bench    (ONLY: pipeline, rules, plan, assess, beyond, kinds, upsert, models, postgres or
#   star, which installs dbt and SQLMesh from PyPI; all but the star where it is not set)
#   PROFILE=dev                                    what `make demo` runs, in place of what `make install` installs
#   POSTGRES=postgres://user@host:port/name        a database for the part `postgres`
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${ROWS:-10000000}
runs=${RUNS:-3}
work=${BENCH_WORK:-$(mktemp -d /tmp/headworks-bench.XXXXXX)}
case "${PROFILE:-release}" in
  dev) echo "compiling what make demo runs" && folder=debug && cargo build --locked --workspace --quiet ;;
  *) echo "compiling what make install installs; the first time this takes half an hour on 2 cores" && folder=release && cargo build --locked --workspace --release --quiet ;;
esac
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
[ -x "$work/venv/bin/python" ] || { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet duckdb==2.0.0 deltalake==1.6.6 pyarrow; }
measure() { "$work/venv/bin/python" "bench/$1.py" --headworks "$target/$folder/headworks" --rows "$rows" --runs "$runs" --work "$work" "${@:2}"; }
case "${ONLY:-}" in
  "") measure measure && measure rules && measure loads ${POSTGRES:+--postgres "$POSTGRES"} ;;
  kinds) measure rules ;;
  star) measure star ;;
  upsert | models | postgres) measure loads --only "$ONLY" ${POSTGRES:+--postgres "$POSTGRES"} ;;
  *) measure measure --only "$ONLY" ;;
esac
