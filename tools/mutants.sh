#!/usr/bin/env bash
# Breaks the shipped code on purpose, one patch of tools/mutants at a time, and sees the simulator notice. Works on a
# copy of the tree in build/mutants; one build folder, so that only what a patch touches is built again.
# What each patch does stands in its first lines; the result is a table in Markdown on standard output.
#
# usage: mutants.sh [--runs N] [--seed N] [MUTANT...]
#        mutants.sh --check     only sees that every patch still fits
set -euo pipefail

cd "$(dirname "$0")/.."
root=$PWD
work=$root/build/mutants
runs=300
seed=1
names=()
check=0
while [[ $# -gt 0 ]]; do
    case $1 in
        --runs) runs=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        --check) check=1; shift ;;
        --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) echo "mutants: unknown option $1" >&2; exit 2 ;;
        *) names+=("$1"); shift ;;
    esac
done
if [[ ${#names[@]} -eq 0 ]]; then
    for patch in tools/mutants/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi

if [[ $check -eq 1 ]]; then
    for name in "${names[@]}"; do
        patch -d "$root" -p1 --dry-run -f -s <"tools/mutants/$name.patch" ||
            { echo "mutants: tools/mutants/$name.patch does not fit the sources any more: make it anew" >&2; exit 1; }
    done
    exit 0
fi

folders="src/base;src/wire;src/io;src/protocol;src/mailbox;src/client;src/server;src/adapters/sqlite;src/sim;apps/parley-sim"

# Only what differs is copied, as new: so it is built again, also what an interrupted run left broken.
copy_tree() {
    local file
    while IFS= read -r -d '' file; do
        cmp -s "$root/$file" "$work/tree/$file" && continue
        mkdir -p "$work/tree/$(dirname "$file")"
        cp "$root/$file" "$work/tree/$file"
    done < <(cd "$root" && find CMakeLists.txt cmake include proto src tools apps -type f -print0)
}

build() {
    cmake --build "$work/out" --target parley-sim >"$work/build.log" 2>&1
}

configure() {
    cmake -S "$work/tree" -B "$work/out" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 \
        -DBUILD_TESTING=OFF "-DPARLEY_ONLY=$folders" >"$work/configure.log" 2>&1 ||
        { cat "$work/configure.log" >&2; exit 1; }
}

# The first failure of the seeds, as the simulator says it; nothing if there was none. A program that dies has noticed
# too: an assertion of ours.
simulate() {
    local output=$work/run.log
    if timeout 900 "$work/out/bin/parley-sim" --seed "$seed" --runs "$runs" --quiet >"$output" 2>"$work/run.err"; then
        return 0
    fi
    local line
    line=$(grep -m1 '^FAILED' "$output" || true)
    if [[ -z $line ]]; then
        line="FAILED seed ?: $(grep -v '^took' "$work/run.err" | tail -1)"
    fi
    echo "$line"
}

mkdir -p "$work/tree"
copy_tree
configure
echo "mutants: building the tree as it is" >&2
build || { tail -30 "$work/build.log" >&2; exit 1; }
echo "mutants: $runs seeds as it is" >&2
broken=$(simulate)
if [[ -n $broken ]]; then
    echo "mutants: the tree breaks a rule without being touched: $broken" >&2
    exit 1
fi

echo "| mutant | breaks | what it does | caught as | seeds |"
echo "| --- | --- | --- | --- | --- |"
survivors=()
for name in "${names[@]}"; do
    patch_file=$root/tools/mutants/$name.patch
    rule=$(sed -n 's/^# rule: //p' "$patch_file")
    what=$(sed -n 's/^# what: //p' "$patch_file")
    if ! patch -d "$work/tree" -p1 --no-backup-if-mismatch -s <"$patch_file" >&2; then
        echo "| $name | $rule | $what | DOES NOT APPLY | |"
        survivors+=("$name")
        copy_tree
        continue
    fi
    if build; then
        echo "mutants: $name" >&2
        caught=$(simulate)
    else
        caught="DOES NOT BUILD: $(grep -m1 error: "$work/build.log" || true)"
    fi
    patch -d "$work/tree" -p1 -R --no-backup-if-mismatch -s <"$patch_file" >&2
    if [[ $caught == FAILED* ]]; then
        found=$(sed -n 's/^FAILED seed \([0-9]*\):.*/\1/p' <<<"$caught")
        seeds=${found:+$((found - seed + 1))}
        # Ids tell nothing here.
        message=$(sed -E 's/^FAILED seed [0-9?]+: //; s/ is broken:/:/; s/[0-9a-f]{8}-[0-9a-f-]{27}/MESSAGE/g; s/\|/\\|/g' <<<"$caught")
        echo "| $name | $rule | $what | $message | ${seeds:-1} |"
    else
        echo "| $name | $rule | $what | ${caught:-NOT CAUGHT} | $runs |"
        survivors+=("$name")
    fi
done
if [[ ${#survivors[@]} -gt 0 ]]; then
    echo "mutants: not caught: ${survivors[*]}" >&2
    exit 1
fi
echo "mutants: all ${#names[@]} caught" >&2
