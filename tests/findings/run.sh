#!/usr/bin/env bash
# Measures what `headworks assess` finds, on public tables from PyPI (80 MB, kept in $HEADWORKS_PEERS_CACHE):
#   tests/findings/run.sh PROGRAM [arguments of judge.py]
# `--split held` (the usual one) are tables that no detector was made with; `--pairs FOLDER` adds published pairs of dirty and clean tables.
set -euo pipefail
program=$(realpath "$1"); shift
here=$(cd "$(dirname "$0")" && pwd)
export HEADWORKS_PEERS_CACHE=${HEADWORKS_PEERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/headworks-peers}
mkdir -p "$HEADWORKS_PEERS_CACHE"
python3 "$here/judge.py" "$program" "$@"
python3 "$here/keys.py" "$program"
