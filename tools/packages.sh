#!/usr/bin/env bash
# Installs the packages of the given groups (tools/packages.txt) that are missing; says nothing when none is.
#
# usage: packages.sh GROUP...
set -euo pipefail

list=$(dirname "$0")/packages.txt
wanted=()
for group in "$@"; do
    mapfile -t of_group < <(awk -v group="$group" '$1 == group { print $2 }' "$list")
    if [[ ${#of_group[@]} -eq 0 ]]; then
        echo "packages: there is no group '$group' in $list" >&2
        exit 2
    fi
    wanted+=("${of_group[@]}")
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "packages: this is not a Debian system; these are expected to be installed: ${wanted[*]}" >&2
    exit 0
fi

installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null |
    awk '$2 == "installed" { print $1 }' || true)
missing=()
for package in "${wanted[@]}"; do
    grep -qx -- "$package" <<<"$installed" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "packages: missing: ${missing[*]}" >&2
        echo "packages: run as root: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "packages: installing ${missing[*]}"
as_root+=(env DEBIAN_FRONTEND=noninteractive)
"${as_root[@]}" apt-get update -q
"${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
