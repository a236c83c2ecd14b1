#!/usr/bin/env bash
# Runs clang-tidy over the sources that a build compiles.
#
# usage: tidy.sh BUILD-FOLDER [PATH...]     a path narrows it to files below
set -euo pipefail

build=$1
shift
git ls-files -- "${@:-.}" | grep -E '^(src|apps|bindings|bench|fuzz)/.*\.cc$' |
    while IFS= read -r file; do
        # Only what this build compiles; a file of an absent optional part has no command.
        grep -q "/$file\"" "$build/compile_commands.json" && printf '%s\n' "$file"
    done |
    xargs -r -n 1 -P "${JOBS:-$(nproc)}" clang-tidy-19 --quiet -p "$build" --warnings-as-errors='*'
