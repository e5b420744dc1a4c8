#!/usr/bin/env bash
# Runs every test. Installs the PostgreSQL server from Debian's packages where it is absent, and starts it on a free port
# of this machine for as long as the tests run.
set -euo pipefail
cd "$(dirname "$0")/.."

postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

if [ -z "$(postgres_bin)" ]; then
  echo "installing the PostgreSQL server (Debian's package)"
  as_root=""; [ "$(id -u)" = 0 ] || as_root="sudo"
  $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
fi
bin=$(postgres_bin)
if ! command -v strace >/dev/null; then
  as_root=""; [ "$(id -u)" = 0 ] || as_root="sudo"
  $as_root apt-get install -y -qq strace >/dev/null || { $as_root apt-get update -qq && $as_root apt-get install -y -qq strace >/dev/null; }
fi

folder=$(mktemp -d /tmp/headworks-postgres.XXXXXX)
run_as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
stop() { run_as "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"; }
trap stop EXIT
echo secret > "$folder/password"
if [ "$(id -u)" = 0 ]; then chown postgres "$folder/password"; fi
run_as "$bin/initdb" -D "$folder/data" -U headworks --auth-local=trust --auth-host=scram-sha-256 --pwfile="$folder/password" --encoding=UTF8 >/dev/null
run_as "$bin/pg_ctl" -D "$folder/data" -o "-p $port -c listen_addresses=127.0.0.1 -k $folder -c fsync=off" -l "$folder/log" -w start >/dev/null
export HEADWORKS_TEST_POSTGRES="postgres://headworks:secret@127.0.0.1:$port/postgres"

cargo build --locked --workspace
cargo test --locked --workspace --all-targets --no-fail-fast

python3 -m venv "$folder-venv"
trap 'stop; rm -rf "$folder-venv"' EXIT
"$folder-venv/bin/pip" install --quiet jsonschema==4.* pyyaml deltalake==1.6.* pyarrow
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
"$folder-venv/bin/python" tests/outsiders.py "$target/debug/headworks"
"$folder-venv/bin/python" tests/suites/every_rule_can_fail.py "$target/debug/headworks"
