#!/usr/bin/env bash
# Holds Headworks against the tools whose rules it reads and writes, at the versions named here, from PyPI.
#   tests/suites/peers.sh PROGRAM [exports] [random] [great-expectations]
# `exports`: what is exported runs in the tool with the same verdicts. `random`: random tests and checks of dbt, Soda and ODCS on random data,
# imported and exported again, and the integration tests of dbt's packages. `great-expectations`: verdicts on its own test definitions, its own integration tests and random data. All
# where none is named. The environments (2 GB) are kept in $HEADWORKS_PEERS_CACHE. $HEADWORKS_TEST_POSTGRES names a server for what needs
# one, $HEADWORKS_DBT_PACKAGES a folder with dbt_utils, dbt_expectations and dbt_date, as `dbt deps` makes it; without them that part is
# left out. $HEADWORKS_RANDOM_TABLES says how many random tables to try: few in a test, hundreds for a long watch.
set -euo pipefail
program=$(realpath "$1"); shift
[ $# -gt 0 ] || set -- exports random great-expectations
here=$(cd "$(dirname "$0")" && pwd)
cache=${HEADWORKS_PEERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/headworks-peers}
mkdir -p "$cache"
export GX_ANALYTICS_ENABLED=false PYTHONWARNINGS=ignore

# An environment of one tool: its name, then what is installed into it. Another list makes it anew.
environment() {
  local folder=$cache/$1; shift
  if [ "$(cat "$folder/wanted" 2>/dev/null)" != "$*" ]; then
    rm -rf "$folder" && python3 -m venv "$folder" && "$folder/bin/pip" install --quiet "$@" && echo "$*" > "$folder/wanted"
  fi
}

# The source package of a version of Great Expectations, unpacked: version, SHA-256.
source_package() {
  local folder=$cache/great_expectations-$1
  [ -d "$folder" ] && return
  local file=$cache/great_expectations-$1.tar.gz
  echo "setuptools<81" > "$cache/constraints"
  PIP_CONSTRAINT="$cache/constraints" "$cache/gx/bin/pip" download --quiet --no-deps --no-binary great_expectations --dest "$cache" "great_expectations==$1"
  echo "$2  $file" | sha256sum --check --quiet
  tar -xzf "$file" -C "$cache" "great_expectations-$1/tests" && rm "$file"
}

dbt_environment() { environment dbt "dbt-core==1.11.*" "dbt-duckdb==1.11.*" duckdb==2.0.1 pyarrow; }
soda_environment() { environment soda soda-duckdb==4.28.0 duckdb==2.0.1 "pyyaml==6.*" pyarrow; }
tables=${HEADWORKS_RANDOM_TABLES:-8}

failed=0
judge() { "$@" || failed=1; }

for part in "$@"; do
  case $part in
    exports)
      environment duckdb duckdb==2.0.1 "pyyaml==6.*" "psycopg2-binary==2.9.*"
      dbt_environment
      soda_environment
      judge "$cache/duckdb/bin/python" "$here/exports_run.py" "$program" sql
      [ -z "${HEADWORKS_TEST_POSTGRES:-}" ] || judge "$cache/duckdb/bin/python" "$here/exports_run.py" "$program" postgres
      judge "$cache/dbt/bin/python" "$here/exports_run.py" "$program" dbt
      judge "$cache/soda/bin/python" "$here/exports_run.py" "$program" soda
      ;;
    random)
      dbt_environment
      soda_environment
      environment soda3 soda-core-duckdb==3.5.6 pyarrow pyyaml
      environment datacontract "datacontract-cli[duckdb]==1.2.8" pyarrow
      judge "$cache/dbt/bin/python" "$here/dbt_random.py" "$program" --tables "$tables" ${HEADWORKS_DBT_PACKAGES:+--packages "$HEADWORKS_DBT_PACKAGES"}
      [ -z "${HEADWORKS_DBT_PACKAGES:-}" ] || judge "$cache/dbt/bin/python" "$here/dbt_packages.py" "$program" "$HEADWORKS_DBT_PACKAGES"
      judge "$cache/soda/bin/python" "$here/soda_random.py" "$program" contract --tables "$tables"
      judge "$cache/soda3/bin/python" "$here/soda_random.py" "$program" sodacl --tables "$tables"
      judge "$cache/datacontract/bin/python" "$here/odcs_random.py" "$program" --tables "$tables"
      ;;
    great-expectations)
      environment gx great_expectations==1.24.1 pyarrow sqlalchemy psycopg2-binary duckdb==2.0.1 pyyaml "pytest==9.*" pytest-mock \
        pytest-random-order pytest-timeout pytest-xdist freezegun flaky moto responses requests_mock docstring_parser
      judge "$cache/gx/bin/python" "$here/exports_run.py" "$program" great-expectations
      judge "$cache/gx/bin/python" "$here/great_expectations_random.py" "$program"
      source_package 1.24.1 d35f98a4a1ec27457b61a99ed194ad55eeabcd9c9677162dd2a5db853e9f2490
      judge "$cache/gx/bin/python" "$here/great_expectations_own.py" "$program" "$cache/great_expectations-1.24.1"
      source_package 0.18.22 fc7008ddb55bda37ff9e8f3e3030e65cda2b73eb0e3b0f346454385f7f9e918b
      judge "$cache/gx/bin/python" "$here/great_expectations_definitions.py" "$program" "$cache/great_expectations-0.18.22"
      ;;
    *) echo "there is no part \`$part\`: exports, random, great-expectations" >&2; exit 2 ;;
  esac
done
exit $failed
