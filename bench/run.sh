#!/usr/bin/env bash
# The recipes behind the published numbers: starts a server of its own on a fresh store, with rates and quotas off and
# every commit durable, and runs the workloads one after the other. Server and generator share the machine's cores, so
# compare ratios within one run, and the server's CPU time per message first.
#
# usage: run.sh FOLDER-OF-PROGRAMS [pairs|offline|fanout|storm|idle ...]      SECONDS_PER_RUN=10 HALF_OF_PEAK=15000
set -euo pipefail

bin=$1
shift
[[ $# -gt 0 ]] || set -- pairs offline fanout storm idle
seconds=${SECONDS_PER_RUN:-10}
half_of_peak=${HALF_OF_PEAK:-15000} # messages/s
folder=$(mktemp -d)
server=
stop() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT

PARLEY_LIMITS_RATE_PER_SECOND=0 PARLEY_LIMITS_QUOTA_PENDING_BYTES=0 PARLEY_LIMITS_QUOTA_RETAINED_BYTES=0 \
    "$bin/parleyd" --data "$folder/data" --listen 127.0.0.1:0 --log-level warn >"$folder/out" &
server=$!
for _ in $(seq 100); do
    address=$(sed -n 's/^parleyd ready on //p' "$folder/out")
    [[ -n $address ]] && break
    sleep 0.1
done
[[ -n ${address:-} ]] || { echo "run.sh: the server did not start" >&2; exit 1; }

bench() {
    "$bin/parley-bench" --server "ws://$address" --app "$folder/data/application.json" --server-pid "$server" \
        --seconds "$seconds" "$@"
}
# With a line of what the disk took meanwhile, in the columns of the table above it.
beside_the_disk() {
    "$(dirname "$0")/disk.py" "$folder" --seconds "$seconds" >"$folder/disk" &
    local disk=$!
    "$@"
    wait "$disk"
    cat "$folder/disk"
}
for workload in "$@"; do
    case $workload in
        pairs)
            bench pairs --pairs 100 --outstanding 1
            bench pairs --pairs 100 --outstanding 16
            beside_the_disk bench pairs --pairs 100 --rate 1000
            beside_the_disk bench pairs --pairs 100 --rate "$half_of_peak"
            # About what the server commits at 15,000 messages/s, with nothing else.
            "$(dirname "$0")/disk.py" "$folder" --seconds "$seconds" --rate 800 --bytes 22000
            ;;
        offline) bench offline --users 1000 --messages 100000 --outstanding 64 ;;
        fanout) bench fanout --recipients 100 --outstanding 8 ;;
        storm) bench storm --devices 5000 --events 3 ;;
        idle) bench idle --connections 5000 ;;
        *) echo "run.sh: there is no workload '$workload'" >&2; exit 2 ;;
    esac
done
