#!/usr/bin/env bash
# Runs each fuzz target of a build for a while on its corpus; what breaks is left in FOLDER/findings.
#
# usage: fuzz.sh BUILD-FOLDER SECONDS [TARGET...]
set -euo pipefail

build=$1
seconds=$2
shift 2

if [[ ! -s $build/fuzz_targets.txt ]]; then
    echo "fuzz: there are no fuzz targets in this tree"
    exit 0
fi
failed=()
while read -r target corpus; do
    [[ $# -eq 0 || " $* " == *" $target "* ]] || continue
    echo "fuzz: $target for $seconds s"
    mkdir -p "$build/corpus/$target" "$build/findings/$target"
    # New inputs go to the build folder; the corpus of the tree is only read.
    seeds=()
    [[ ! -d $corpus ]] || seeds=("$corpus")
    if ! "$build/bin/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
        -verbosity=0 -artifact_prefix="$build/findings/$target/" "$build/corpus/$target" "${seeds[@]}"; then
        failed+=("$target")
    fi
done <"$build/fuzz_targets.txt"
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "fuzz: failed: ${failed[*]}; the inputs are in $build/findings"
    exit 1
fi
echo "fuzz: nothing found"
