#!/bin/bash
# Inside, booted by systemd: what package_test.sh asks of the installed package. The last line says how it went.
set -eu

step() { echo "  $*"; }
trap 'echo "FAILED in line $LINENO"; systemctl status --no-pager parleyd; journalctl --no-pager -u parleyd | tail -n 30' ERR
export HOME=/root
app=/var/lib/parley/application.json
pid() { systemctl show -P MainPID parleyd; }
status() { systemctl show -P StatusText parleyd; }
# Waits until the unit runs as another process than this one.
await_other() {
    for _ in $(seq 900); do
        [[ $(systemctl is-active parleyd) == active && $(pid) != "$1" ]] && return
        sleep 0.1
    done
    return 1
}
texts_of() { parley listen --app $app --user "$1" --store "$(mktemp -d)" --device "d$RANDOM" --timeout 2s --json |
    sed -n 's/.*"event":"incoming".*"text":"\([^"]*\)".*/\1/p'; }

step "enabled in a chroot, it runs after the boot, and what was stored is there"
await_other 0
[[ $(status) == "ready on 127.0.0.1:7700" ]]
[[ $(stat -c %U "/proc/$(pid)") == parley ]]
[[ $(texts_of bob) == "stored without systemd" ]]

step "an upgrade restarts it; sessions come back, messages and changes of the configuration stay"
echo "# a note of the administrator" >>/etc/parley/parleyd.toml
parley send --app $app --user alice --to bob --until sent "before the upgrade"
parley listen --app $app --user carol --count 1 --timeout 60s >/tmp/carol &
listening=$!
until parley send --app $app --user alice --to carol --until sent --timeout 1s warm 2>/dev/null; do :; done
wait $listening
parley listen --app $app --user carol --count 1 --timeout 60s >/tmp/carol &
listening=$!
old=$(pid)
dpkg -i /packages/parleyd_*-2_*.deb >/tmp/upgrade 2>&1
await_other "$old"
[[ $(dpkg-query -W -f '${Version}' parleyd) == *-2 ]]
parley send --app $app --user alice --to carol "after the upgrade" >/dev/null
wait $listening
grep -q "after the upgrade" /tmp/carol
grep -q "a note of the administrator" /etc/parley/parleyd.toml
[[ $(texts_of bob | tail -n 1) == "before the upgrade" ]]

step "reload keeps the process"
old=$(pid)
systemctl reload parleyd
[[ $(systemctl is-active parleyd) == active && $(pid) == "$old" ]]

step "after kill -9 it is started again, and nothing is lost"
parley send --app $app --user alice --to bob --until sent "before the kill"
kill -9 "$old"
await_other "$old"
[[ $(texts_of bob | tail -n 1) == "before the kill" ]]

step "one that does not turn is ended by the watchdog and started again"
old=$(pid)
kill -STOP "$old"
await_other "$old"
[[ $(systemctl show -P Result parleyd) == success ]]
journalctl -u parleyd | grep -q "Watchdog timeout"

step "a wrong configuration is one line in the log, and no restart"
cp /etc/parley/parleyd.toml /tmp/good
echo "nonsense = 1" | cat - /tmp/good >/etc/parley/parleyd.toml
! systemctl restart parleyd 2>/dev/null
[[ $(systemctl is-active parleyd) == failed && $(systemctl show -P ExecMainStatus parleyd) == 2 ]]
journalctl -u parleyd | grep -q "parleyd.toml:1: nonsense: there is no such key"
cp /tmp/good /etc/parley/parleyd.toml
systemctl start parleyd

step "stop ends it with 0 within 10 s"
systemctl stop parleyd
[[ $(systemctl show -P ExecMainStatus parleyd) == 0 && $(systemctl show -P Result parleyd) == success ]]
systemctl start parleyd

step "removed, it is stopped; configuration and data stay, and a new installation goes on from them"
dpkg --remove parleyd >/tmp/remove 2>&1
[[ $(systemctl is-active parleyd) != active && ! -e /usr/bin/parleyd ]]
grep -q "a note of the administrator" /etc/parley/parleyd.toml
dpkg -i /packages/parleyd_*-2_*.deb >/dev/null 2>&1
await_other 0
[[ $(texts_of bob | tail -n 1) == "before the kill" ]]

step "purged, the configuration is gone; messages are kept, and it says so"
dpkg --purge parleyd >/tmp/purge 2>&1
[[ ! -e /etc/parley && ! -e /usr/bin/parleyd && -e $app ]]
grep -q "is kept" /tmp/purge
[[ -z $(find /etc/systemd /usr/share/doc -name 'parleyd*') ]]
echo "all is well"
