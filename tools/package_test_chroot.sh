#!/bin/bash
# Inside, without systemd: what package_test.sh asks of the installed server.
set -eux

start=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/parleyd.service)
setpriv --reuid parley --regid parley --clear-groups sh -c "cd /var/lib/parley && exec $start" >/tmp/ready &
for _ in $(seq 100); do
    grep -q "parleyd ready on" /tmp/ready && break
    sleep 0.1
done
app=/var/lib/parley/application.json
parley listen --app $app --user bob --timeout 1s
parley send --app $app --user alice --to bob --until sent "stored without systemd"
kill %1
wait %1
