"""What an operator sees of a running server: metrics, the log of one message, and where a message is."""

import asyncio
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

from parleyd_test import SECONDS, Device, ProgramTest

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
PROMTOOL = shutil.which("promtool")
NAME = re.compile(r"\b(?:parley|process)_[a-z_]+\b")
SECRET = "nobody but bob may read this"


def families(page):
    """Every name that a query may use, by what is told of it."""
    names = set()
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            names.add(name)
            if kind == "histogram":
                names |= {name + "_bucket", name + "_sum", name + "_count"}
    return names


def sections(page):
    """What a link into a page may name: its headings, as they are made into anchors."""
    plain = re.sub(r"(?ms)^```.*?^```$", "", page)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.*)$", plain)}


def expressions(value):
    """Every expression of a dashboard, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("expr", "query") and isinstance(inner, str):
                yield inner
            else:
                yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


async def talk(server, *, stay_away=()):
    """alice sends one message to bob and to those who stay away; returns its id."""
    for user in ("bob", *stay_away):
        device = Device(server, user, user + "-phone")
        await device.connect()
        if user != "bob":
            await device.close()
    bob = Device(server, "bob", "bob-phone")
    alice = Device(server, "alice", "alice-phone")
    await bob.connect()
    await alice.connect()
    message = await alice.submit(["bob", *stay_away], SECRET)
    await alice.result(message)
    await alice.until(lambda: any("delivered" in e for e in alice.events), SECONDS, "a receipt")
    await alice.close()
    await bob.close()
    return message


class Metrics(ProgramTest):
    def metrics(self, server):
        status, page = server.control("/metrics")
        self.assertEqual(status, 200)
        return page

    def test_dashboard_and_alerts_name_only_metrics_that_there_are(self):
        certificate, key = self.make_certificate("localhost")
        server = self.serve("--tls-cert", certificate, "--tls-key", key)
        page = self.metrics(server)
        told = [line for line in page.splitlines() if line.startswith("# TYPE ")]
        self.assertEqual(len(told), len(set(told)), "a family is told twice")
        there = families(page)
        dashboard = json.loads((DEPLOY / "grafana" / "parley.json").read_text())
        used = {name for text in expressions(dashboard) for name in NAME.findall(text)}
        rules = (DEPLOY / "prometheus" / "parley.rules.yml").read_text()
        described = re.sub(r"(?m)^\s*(summary|description|runbook_url):.*$", "", rules)
        used |= set(NAME.findall(described))
        self.assertGreater(len(used), 40)
        self.assertEqual(sorted(used - there), [])

    def test_every_metric_is_in_the_manual_and_every_alert_says_what_to_do(self):
        docs = DEPLOY.parent / "docs" / "operations"
        manual = (docs / "monitoring.md").read_text()
        there = {line.split()[2] for line in self.metrics(self.serve()).splitlines() if line.startswith("# TYPE ")}
        self.assertEqual(sorted(name for name in there if f"`{name}`" not in manual), [])
        rules = (DEPLOY / "prometheus" / "parley.rules.yml").read_text()
        alerts = re.findall(r"- alert: (\w+)", rules)
        headings = re.findall(r"(?m)^## (\w+)$", (docs / "alerts.md").read_text())
        self.assertEqual(headings, alerts)
        self.assertEqual(re.findall(r"alerts.md#(\w+)", rules), [name.lower() for name in alerts])

    def test_every_warning_and_error_of_the_log_is_in_the_manual(self):
        root = DEPLOY.parent
        page = (root / "docs" / "operations" / "errors.md").read_text()
        table = page[page.index("## Lines of the log"):]
        told = {name for row in re.findall(r"(?m)^\| (`.*?`) \|", table) for name in re.findall(r"`([^`]+)`", row)}
        # These write into no server's log.
        others = [root / "src" / name for name in ("client", "sdk", "sim", "adapters/sqlite")]
        sources = [path.read_text() for folder in ("src", "apps/parleyd") for path in (root / folder).rglob("*.cc")
                   if not path.name.endswith("_test.cc") and not any(other in path.parents for other in others)]
        # Two of the listener go through one that counts them, two of the log itself name their level.
        call = re.compile(r'(?:(?:\.|->)(?:warn|error|tell)\([^;"]*?|LogLevel::(?:warn|error), )"([a-z_]+\.[a-z_]+)"')
        lines = {name for text in sources for name in call.findall(text)}
        self.assertGreater(len(lines), 25)
        self.assertLessEqual({"listener.accept_failed", "log.lost", "session.events_stopped", "store.write_failed"}, lines)
        self.assertEqual(sorted(lines - told), [])

    def test_every_alert_leads_to_its_section_where_the_package_puts_the_manual(self):
        rules = (DEPLOY / "prometheus" / "parley.rules.yml").read_text()
        sections = {heading.lower() for heading in re.findall(r"(?m)^## (\w+)$", (DEPLOY.parent / "docs" / "operations" / "alerts.md").read_text())}
        links = re.findall(r'runbook_url: "(.*)"', rules)
        self.assertEqual(len(links), len(re.findall(r"- alert: ", rules)))
        for link in links:
            self.assertRegex(link, r"^/usr/share/doc/parleyd/operations/alerts\.md#")
            self.assertIn(link.split("#")[1], sections)

    def test_every_link_of_the_manual_leads_to_what_the_packages_have(self):
        manual = self.folder / "manual"
        subprocess.run([os.environ.get("CMAKE", "cmake"), "-D", f"OUT={manual}", "-P", DEPLOY.parent / "cmake" / "ParleyManual.cmake"],
                       check=True, capture_output=True, timeout=SECONDS)
        pages = sorted(manual.rglob("*.md"))
        for page in ("parleyd/cli.md", "parley-cli/cli.md", "parleyd/operations/install.md", "parleyd/guide/tokens.md", "parleyd/spec/wire.md"):
            self.assertIn(manual / page, pages)
        followed = 0
        for page in pages:
            for link, section in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
                if "://" in link:
                    continue
                with self.subTest(page=str(page.relative_to(manual)), link=link, section=section):
                    target = (page.parent / link).resolve() if link else page
                    self.assertTrue(target.is_file() and manual in target.parents, "the package has no such file")
                    if section:
                        self.assertIn(section, sections(target.read_text()))
                    followed += 1
        self.assertGreater(followed, 60)

    def test_a_message_is_counted_and_timed(self):
        server = self.serve()
        asyncio.run(talk(server))
        delivered = 'parley_events_appended_total{kind="delivered"} 1'
        # Its device can have the receipt before it is counted.
        deadline = time.monotonic() + SECONDS
        while delivered not in (page := self.metrics(server)) and time.monotonic() < deadline:
            time.sleep(0.02)
        for line in ('parley_submissions_total{result="accepted"} 1', 'parley_recipients_total{result="accepted"} 1',
                     'parley_events_appended_total{kind="incoming"} 1', 'parley_events_appended_total{kind="sent"} 1',
                     delivered, "parley_accept_to_durable_seconds_count 1"):
            self.assertIn("\n" + line + "\n", page)
        for name in ("parley_received_bytes_total", "parley_sent_bytes_total", "parley_store_commit_bytes_total",
                     "parley_upgrades_total", "process_resident_memory_bytes", "process_open_fds"):
            self.assertGreater(float(re.search(rf"(?m)^{name} (.*)$", page).group(1)), 0, name)

    @unittest.skipUnless(PROMTOOL, "promtool is not installed (Debian: prometheus)")
    def test_promtool_finds_nothing_to_complain_of(self):
        server = self.serve()
        asyncio.run(talk(server))
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=self.metrics(server), text=True,
                                 capture_output=True, timeout=SECONDS)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))
        for arguments in (("check", "rules", "parley.rules.yml"), ("test", "rules", "parley.rules_test.yml"),
                          ("check", "config", "prometheus.yml")):
            checked = subprocess.run([PROMTOOL, *arguments], cwd=DEPLOY / "prometheus", text=True, capture_output=True,
                                     timeout=4 * SECONDS)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


HANG = r"""
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
/* As long as the file that HANG_FILE names exists, the disk does not answer. */
int fdatasync(int descriptor) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    while (access(getenv("HANG_FILE"), F_OK) == 0) usleep(20000);
    return real(descriptor);
}
"""


@unittest.skipUnless(shutil.which("cc"), "no C compiler: the disk cannot be made to hang")
class HangingDisk(ProgramTest):
    def until(self, server, status):
        deadline = time.monotonic() + SECONDS
        while (answer := server.control("/readyz"))[0] != status:
            self.assertLess(time.monotonic(), deadline, answer)
            time.sleep(0.1)
        return answer[1]

    def test_a_disk_that_hangs_is_not_ready_and_one_that_is_back_is(self):
        source, library, hang = (self.folder / name for name in ("hang.c", "hang.so", "hang"))
        source.write_text(HANG)
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        server = self.serve(environment={"LD_PRELOAD": str(library), "HANG_FILE": str(hang),
                                         "ASAN_OPTIONS": "verify_asan_link_order=0"})
        self.assertEqual(server.control("/readyz")[0], 200)
        hang.touch()
        why = json.loads(self.until(server, 503))
        self.assertEqual(why, {"status": "store stuck", "why": "the disk has not answered a write for 5 s"})
        self.assertEqual(server.control("/healthz")[0], 200)
        page = server.control("/metrics")[1]
        self.assertGreaterEqual(float(re.search(r"(?m)^parley_store_commit_under_way_seconds (.*)$", page).group(1)), 5)
        self.assertIn("\nparley_ready 0\n", page)
        # The store's loop waits in that write. However long: no restart heals a disk.
        age = re.compile(r'(?m)^parley_loop_age_seconds\{loop="store"\} (.*)$')
        deadline = time.monotonic() + SECONDS
        while float(age.search(server.control("/metrics")[1]).group(1)) < 10.5:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.assertEqual(server.control("/healthz")[0], 200)
        hang.unlink()
        self.until(server, 200)
        self.assertIn("\nparley_ready 1\n", server.control("/metrics")[1])
        self.assertEqual(server.end(), 0)


class Following(ProgramTest):
    def test_one_message_is_followed_by_its_id_and_its_text_never_shows(self):
        server = self.serve("--log-level", "debug", "--log-format", "json")
        message = asyncio.run(talk(server))
        self.assertEqual(server.end(), 0)
        log = server.errors()
        lines = [json.loads(line) for line in log.splitlines() if message in line]
        path = [(line["event"], line["fields"].get("kind", line["fields"].get("outcome", ""))) for line in lines]
        # Wake-ups go ahead of answers, so some of these stand side by side.
        self.assertEqual(sorted(path), sorted([
            ("message.received", ""), ("message.answered", "stored"), ("message.sent", "stored"),
            ("event.pushed", "incoming"), ("event.pushed", "sent"), ("event.acknowledged", ""),
            ("receipt.answered", "stored"), ("event.pushed", "delivered")]))
        self.assertEqual(path[0], ("message.received", ""))
        steps = [path.index(one) for one in (("event.pushed", "incoming"), ("event.acknowledged", ""),
                                             ("event.pushed", "delivered"))]
        self.assertEqual(steps, sorted(steps))
        by_event = {line["event"] + line["fields"].get("kind", ""): line["fields"] for line in lines}
        self.assertEqual(by_event["message.answered"]["sequence"], by_event["event.pushedincoming"]["sequence"])
        self.assertEqual(by_event["message.answered"]["mailbox"], by_event["event.pushedincoming"]["mailbox"])
        self.assertEqual(by_event["receipt.answered"]["mailbox"], by_event["message.sent"]["mailbox"])
        for secret in (SECRET, "alice", "bob", server.application["applicationSecret"]):
            self.assertNotIn(secret, log.replace("alice-phone", "").replace("bob-phone", ""))

    def test_nothing_of_a_message_is_in_the_log_above_debug(self):
        server = self.serve("--log-level", "info")
        message = asyncio.run(talk(server))
        self.assertEqual(server.end(), 0)
        self.assertNotIn(message, server.errors())


class Trace(ProgramTest):
    def trace(self, code, *arguments):
        program = self.start("trace", "--data", "data", *arguments)
        printed = program.process.stdout.read()
        self.assertEqual(program.wait(), code, program.errors())
        return printed, program.errors()

    def test_a_message_is_found_with_and_without_a_running_server(self):
        server = self.serve()
        message = asyncio.run(talk(server, stay_away=("carol",)))
        for running in (True, False):
            for arguments in ((), ("--from", "alice"), ("--app", server.application["applicationKey"])):
                with self.subTest(running=running, arguments=arguments):
                    printed, _ = self.trace(0, message, "--json", *arguments)
                    found = json.loads(printed)["found"]
                    self.assertEqual((found["from"], found["device"]), ("alice", "alice-phone"))
                    self.assertEqual(found["application"], server.application["applicationKey"])
                    states = {one["user"]: one["state"] for one in found["recipients"]}
                    self.assertEqual(states, {"bob": "delivered", "carol": "waiting"})
                    devices = [d["device"] for one in found["recipients"] for d in one.get("devices", [])]
                    self.assertEqual(devices, ["carol-phone"])
                    self.assertNotIn(SECRET, printed)
            printed, _ = self.trace(0, message)
            self.assertIn("from alice, device alice-phone\n", printed)
            self.assertRegex(printed, r"for bob\n  accepted  \S+Z, event \d+ of their mailbox\n  delivered \S+Z, event \d+")
            self.assertRegex(printed, r"for carol\n  accepted  .*\n  waiting   .*\n +device carol-phone, last connected \S+Z\n")
            if running:
                self.assertEqual(server.end(), 0)

    def test_a_message_that_is_nowhere_is_said_to_be_so(self):
        server = self.serve()
        asyncio.run(talk(server))
        printed, errors = self.trace(1, "never-sent")
        self.assertEqual(printed, "")
        self.assertIn("parleyd: message never-sent (ids that the SDK makes look like 01890a5d-ac96-774b-bcce-b302099a8057) is nowhere in 2 mailboxes (3 events): it was never accepted", errors)
        usual = "01890a5d-ac96-774b-bcce-b302099a8057"
        self.assertIn(f"message {usual} is nowhere", self.trace(1, usual)[1])
        printed, _ = self.trace(1, "never-sent", "--json")
        self.assertIsNone(json.loads(printed)["found"])
        self.assertIn("a message id is", self.trace(2, "no id")[1])
        self.assertIn("no application another", self.trace(1, "never-sent", "--app", "another")[1])
        self.assertIn("there is no user nobody in application", self.trace(1, "never-sent", "--from", "nobody")[1])
        self.assertIn("nowhere in 1 mailbox (", self.trace(1, "never-sent", "--from", "bob")[1])
        self.trace(2, "never-sent", "--from", "a b")


if __name__ == "__main__":
    unittest.main()
