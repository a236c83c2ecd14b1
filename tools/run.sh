#!/usr/bin/env bash
# Starts parleyd in the foreground and, when it is ready, prints two commands that let two users talk.
#
# usage: run.sh FOLDER-OF-PROGRAMS [OPTION OF PARLEYD...]
set -euo pipefail

bin=$1
shift
data=parley-data
previous=
for argument in "$@"; do
    case $argument in --data=*) data=${argument#--data=} ;; esac
    [[ $previous != --data ]] || data=$argument
    previous=$argument
done

announce() {
    # Ctrl-C is for the server; what it still says on its way out is printed as well.
    trap '' INT TERM
    while IFS= read -r line; do
        printf '%s\n' "$line"
        [[ $line == "parleyd ready on "* ]] || continue
        local address=${line#parleyd ready on } common=
        [[ $address == 127.0.0.1:7700 ]] || common+=" --server ws://$address"
        [[ $data == parley-data ]] || printf -v common '%s --app %q' "$common" "$data/application.json"
        printf '\nThe server runs; Ctrl-C stops it. In two other terminals, in this folder:\n\n'
        printf '    %s/parley chat --user alice --to bob%s\n' "$bin" "$common"
        printf '    %s/parley chat --user bob --to alice%s\n\n' "$bin" "$common"
    done
}

exec "$bin/parleyd" --data "$data" "$@" > >(announce)
