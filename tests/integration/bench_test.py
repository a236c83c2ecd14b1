"""parley-bench against a server, as docs/cli.md tells it."""

import json
import os
import resource
import signal
import subprocess
import unittest

from program import SECONDS, ProgramTest

BENCH = os.environ.get("PARLEY_BENCH", "parley-bench")
NO_LIMITS = {"PARLEY_LIMITS_RATE_PER_SECOND": "0"}


class Bench(ProgramTest):
    def command(self, server, *arguments, scheme="ws", seconds=0.3):
        return [BENCH, *arguments, "--server", f"{scheme}://127.0.0.1:{server.port}", "--app", server.data / "application.json",
                "--server-pid", str(server.process.pid), "--seconds", str(seconds), "--warmup", "0.1", "--json"]

    def run_bench(self, command, **options):
        return subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS, **options)

    def report(self, server, *arguments, **options):
        done = self.run_bench(self.command(server, *arguments, **options))
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["workload"], arguments[0])
        self.assertFalse(report["interrupted"])
        return report

    def refused(self, code, command, **options):
        """Runs what must end with this code and one line on standard error; returns the line."""
        done = self.run_bench(command, **options)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith("parley-bench: "), lines)
        return lines[0]

    def test_every_workload_reports_its_rates_latencies_and_costs(self):
        server = self.serve(environment=NO_LIMITS)
        expected = {
            ("pairs", "-P", "4", "-W", "2"): (("messages sent", "messages delivered", "messages receipted"), ("sent", "delivered", "receipted")),
            ("pairs", "-P", "4", "--rate", "200", "--threads", "2"): (("messages receipted",), ("sent", "generator was late")),
            ("offline", "-U", "5", "-N", "100", "--resync"): (("stored", "drained", "resynced"), ("stored",)),
            ("fanout", "-R", "5"): (("messages sent", "deliveries", "receipts"), ("sent", "delivered")),
            ("storm", "-N", "20"): (("devices caught up",), ("caught up",)),
            ("idle", "-N", "20", "--source", "127.0.0.1-127.0.0.3"): (("connected",), ()),
        }
        for arguments, (rates, latencies) in expected.items():
            with self.subTest(" ".join(arguments)):
                report = self.report(server, *arguments)
                for name in rates:
                    self.assertGreater(report["figures"][name]["value"], 0, name)
                for name in latencies:
                    latency = report["latency_us"][name]
                    self.assertGreater(latency["count"], 0)
                    shares = [latency[share] for share in ("p50", "p90", "p99", "p99.9", "max")]
                    self.assertEqual(shares, sorted(shares))
                for name in ("generator CPU share", "server CPU share", "server resident memory"):
                    self.assertIn(name, report["figures"])
                if arguments[0] != "idle":
                    self.assertGreater(report["figures"]["server CPU per 1,000 messages"]["value"], 0)

    def test_users_of_a_named_run_are_met_again(self):
        server = self.serve(environment=NO_LIMITS)
        names = []
        for _ in range(2):
            self.report(server, "idle", "-N", "3", "--run", "again")
            names.append(sorted(self.ask("user", "list")["users"]))
        self.assertEqual(names[0], [f"again-idle-{number:08}" for number in range(3)])
        self.assertEqual(names[1], names[0])

    def test_tls_is_spoken_to_a_server_whose_certificate_fits(self):
        certificate, key = self.make_certificate("localhost")
        server = self.serve("--tls-cert", certificate, "--tls-key", key, environment=NO_LIMITS)
        for arguments in (("storm", "-N", "20"), ("pairs", "-P", "4", "--text-bytes", "40000")):
            self.report(server, *arguments, "--ca", certificate, scheme="wss")
        self.assertIn("certificate", self.refused(1, self.command(server, "idle", "-N", "1", scheme="wss")))
        self.assertIn("400", self.refused(1, self.command(server, "idle", "-N", "1")))

    def test_interrupted_it_reports_what_it_has(self):
        server = self.serve(environment=NO_LIMITS)
        process = subprocess.Popen(self.command(server, "pairs", "-P", "4", "--progress", seconds=600),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        told = 0
        for line in process.stderr:
            told += line.startswith("measure: 8 connected")
            if told == 2:
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, 130)
        report = json.loads(out)
        self.assertTrue(report["interrupted"])
        self.assertGreater(report["figures"]["messages receipted"]["value"], 0)

    def test_what_it_cannot_do_is_one_line_and_a_code(self):
        server = self.serve()
        missing = [*self.command(server, "pairs")]
        missing[missing.index("--app") + 1] = "none.json"
        self.assertIn("none.json", self.refused(2, missing))
        elsewhere = self.command(server, "pairs")
        elsewhere[elsewhere.index("--server") + 1] = "http://127.0.0.1"
        self.assertIn("http://127.0.0.1", self.refused(2, elsewhere))
        self.assertIn("--threads", self.refused(2, self.command(server, "pairs", "-P", "2", "--threads", "3")))
        self.assertIn("2000", self.refused(1, self.command(server, "pairs", "-P", "2", "-W", "2000")))

        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        self.assertIn("ulimit", self.refused(1, self.command(server, "idle", "-N", "200"), preexec_fn=few_descriptors))
        gone = self.command(server, "pairs")
        self.assertEqual(server.end(), 0)
        self.assertIn("Connection refused", self.refused(1, gone))


if __name__ == "__main__":
    unittest.main()
