#!/bin/sh
# What the manifests start, as processes of this machine. Ends them all on Ctrl-C or SIGTERM.
set -eu
workers=${1:-4}
: "${TRIOFLOW_STORE:?URL of the store}" "${TRIOFLOW_VALUES:?URL of the value store}"

pids=
trap 'kill -TERM $pids 2>/dev/null; wait' INT TERM

trioflow serve photos:photos --port "${PORT:-8765}" &
pids="$pids $!"
for _ in $(seq "$workers"); do
  trioflow worker photos:photos --capacity 50 --drain 30 &
  pids="$pids $!"
done
wait
