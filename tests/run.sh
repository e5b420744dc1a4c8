#!/usr/bin/env bash
# Runs every test. Installs the servers of PostgreSQL and MariaDB from Debian's packages where they are absent, and starts each on
# a free port of this machine for as long as the tests run.
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

if ! command -v faketime >/dev/null; then
  as_root=""; [ "$(id -u)" = 0 ] || as_root="sudo"
  $as_root apt-get install -y -qq faketime >/dev/null || { $as_root apt-get update -qq && $as_root apt-get install -y -qq faketime >/dev/null; }
fi

if ! command -v mariadbd >/dev/null; then
  echo "installing the MariaDB server (Debian's package)"
  as_root=""; [ "$(id -u)" = 0 ] || as_root="sudo"
  install="env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mariadb-server"
  $as_root $install >/dev/null || { $as_root apt-get update -qq && $as_root $install >/dev/null; }
fi

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
folder=$(mktemp -d /tmp/headworks-postgres.XXXXXX)
run_as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
port=$(free_port)
mysql_folder=$(mktemp -d /tmp/headworks-mariadb.XXXXXX)
stop_mysql() { if [ -f "$mysql_folder/pid" ]; then kill -9 "$(cat "$mysql_folder/pid")" 2>/dev/null || true; fi; rm -rf "$mysql_folder"; }
stop() { stop_mysql; run_as "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"; }
trap stop EXIT
echo secret > "$folder/password"
if [ "$(id -u)" = 0 ]; then chown postgres "$folder/password"; fi
run_as "$bin/initdb" -D "$folder/data" -U headworks --auth-local=trust --auth-host=scram-sha-256 --pwfile="$folder/password" --encoding=UTF8 >/dev/null
run_as "$bin/pg_ctl" -D "$folder/data" -o "-p $port -c listen_addresses=127.0.0.1 -k $folder -c fsync=off" -l "$folder/log" -w start >/dev/null
export HEADWORKS_TEST_POSTGRES="postgres://headworks:secret@127.0.0.1:$port/postgres"

mysql_user=$(id -un); if [ "$(id -u)" = 0 ]; then mysql_user=mysql; chown mysql "$mysql_folder"; fi
mysql_port=$(free_port)
mariadb-install-db --no-defaults --user="$mysql_user" --datadir="$mysql_folder/data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
mariadbd --no-defaults --user="$mysql_user" --datadir="$mysql_folder/data" --port="$mysql_port" --bind-address=127.0.0.1 \
  --socket="$mysql_folder/socket" --pid-file="$mysql_folder/pid" --innodb-flush-log-at-trx-commit=0 >"$mysql_folder/log" 2>&1 &
mysql_root="mariadb --no-defaults --socket=$mysql_folder/socket -u root"
for _ in $(seq 120); do $mysql_root -e "select 1" >/dev/null 2>&1 && break; sleep 0.5; done
$mysql_root -e "create user headworks@'127.0.0.1' identified by 'secret'; grant all on *.* to headworks@'127.0.0.1'; create database shop"
export HEADWORKS_TEST_MYSQL="mysql://headworks:secret@127.0.0.1:$mysql_port/shop"
export HEADWORKS_TEST_MYSQL_CLIENT="mariadb --no-defaults -h 127.0.0.1 -P $mysql_port -u headworks -psecret shop"

cargo build --locked --workspace
cargo test --locked --workspace --all-targets --no-fail-fast

python3 -m venv "$folder-venv"
trap 'stop; rm -rf "$folder-venv"' EXIT
"$folder-venv/bin/pip" install --quiet jsonschema==4.* pyyaml deltalake==1.6.* pyarrow 'moto[server]==5.2.*' boto3
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')
"$folder-venv/bin/python" tests/outsiders.py "$target/debug/headworks"
"$folder-venv/bin/python" tests/watched.py "$target/debug/headworks"
"$folder-venv/bin/python" tests/object_store.py "$target/debug/headworks"
"$folder-venv/bin/python" tests/suites/every_rule_can_fail.py "$target/debug/headworks"
# Other tools from PyPI, about 1 GB: switched on by `HEADWORKS_PEERS=1`.
[ -z "${HEADWORKS_PEERS:-}" ] || bash tests/suites/peers.sh "$target/debug/headworks"
