#!/usr/bin/env bash
# Installs the Debian packages of a build in a fresh Debian 12, once without a running systemd and once booted in
# systemd-nspawn: start, use, upgrade, crash, remove, purge. Needs root and a Debian mirror.
#
# usage: package_test.sh BUILD-FOLDER
set -euo pipefail

tools=$(realpath "$(dirname "$0")")
build=$(realpath "$1")
work=$(mktemp -d /var/tmp/parley-package-test.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
log=$work/log

say() { echo "package-test: $*"; }
fail() {
    say "FAILED: $*"
    tail -n 60 "$log"
    exit 1
}
# Runs a command in the folder, as a chroot would: no systemd is running there.
inside() { systemd-nspawn --quiet --register=no --keep-unit --pipe -D "$root" "$@" >>"$log" 2>&1 </dev/null; }

say "a fresh Debian 12"
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,init-system-helpers,adduser \
    bookworm "$root" >"$log" 2>&1 || fail "debootstrap"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir "$root/packages" "$work/next"
cp "$build"/*-1_*.deb "$root/packages/"
(cd "$build" && cpack -G DEB -B "$work/next" -D CPACK_DEBIAN_PACKAGE_RELEASE=2 >>"$log" 2>&1) || fail "the next version"
cp "$work"/next/*-2_*.deb "$root/packages/"

say "install without a running systemd"
inside sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    /packages/*-1_*.deb' || fail "the packages do not install"
[[ -L $root/etc/systemd/system/multi-user.target.wants/parleyd.service ]] || fail "the unit is not enabled"
inside parleyd check --config /etc/parley/parleyd.toml || fail "the shipped configuration is not valid"
inside sh -c 'test "$(stat -c %U:%a /var/lib/parley)" = parley:700' || fail "the data folder"

say "purge where nothing was stored leaves nothing"
inside sh -c 'dpkg --purge parleyd && test ! -e /etc/parley && test ! -e /var/lib/parley && test ! -e /usr/share/doc/parleyd' ||
    fail "something is left"
inside sh -c 'dpkg -i /packages/parleyd_*-1_*.deb' || fail "installing it again"

say "start as the unit would, without systemd; send a message"
install -m 755 "$tools/package_test_chroot.sh" "$tools/package_test_booted.sh" "$root/packages/"
systemd-nspawn --quiet --register=no --keep-unit --pipe --private-network -D "$root" \
    /packages/package_test_chroot.sh >>"$log" 2>&1 </dev/null || fail "the server does not serve"

say "boot; start, upgrade, reload, kill, watchdog, wrong configuration, remove, purge"
cat >"$root/etc/systemd/system/package-test.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=file:/packages/output
StandardError=inherit
ExecStart=/packages/package_test_booted.sh
ExecStopPost=systemctl --no-block poweroff
UNIT
ln -s ../package-test.service "$root/etc/systemd/system/multi-user.target.wants/"
timeout 600 systemd-nspawn --quiet --register=no --keep-unit --private-network -b -D "$root" >>"$log" 2>&1 </dev/null ||
    say "the container ended with $?"
cat "$root/packages/output" || fail "the booted part did not run"
grep -qx "all is well" "$root/packages/output" || fail "see above"
say "passed"
