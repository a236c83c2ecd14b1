"""The program parleyd as docs/cli.md describes it: options, files, lines, signals and exit codes."""

import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import stat
import subprocess
import time
import unittest
import unittest.mock

import websockets

from program import SECONDS, ProgramTest
from parley_json import Device  # noqa: E402


class Options(ProgramTest):
    def test_help_and_version_end_with_0(self):
        for flag, text in (("--help", "--unknown-recipients"), ("--version", "parleyd 0")):
            program = self.start(flag)
            self.assertIn(text, program.process.stdout.read())
            self.assertEqual(program.wait(), 0)
            self.assertEqual(program.errors(), "")

    def test_a_mistake_is_one_line_and_code_2(self):
        (self.folder / "typo.toml").write_text("\n[limits]\ndevises = 3\n")
        (self.folder / "not.toml").write_text("listen = = 1\n")
        (self.folder / "small.toml").write_text("[limits]\nframe_bytes = 1000\n")
        for arguments, said in (
                (["--lisen", "x"], "--lisen"),
                (["nonsense"], "nonsense"),
                (["--data"], "--data"),
                (["--retention", "soon"], '--retention: found "soon"'),
                (["--listen", "7700"], '--listen: found "7700"'),
                (["--engine", "abacus"], '--engine: found "abacus"'),
                (["--threads", "-1"], "--threads"),
                (["--tls-cert", "x"], "without tls.key"),
                (["--listen", "0.0.0.0:0"], "--insecure-bind"),
                (["--admin-listen", "0.0.0.0:0"], "--insecure-bind"),
                (["--config", "none.toml"], "none.toml: cannot be read"),
                (["--config", "typo.toml"], "typo.toml:3: limits.devises"),
                (["--config", "not.toml"], "not.toml:1"),
                (["--config", "small.toml"], "limits.frame_bytes (small.toml:2)"),
                (["--config", "."], "Is a directory")):
            for command in ([], ["check"]):
                with self.subTest(arguments=command + arguments):
                    self.assertIn(said, self.refuse(2, *command, *arguments))
        self.assertIn("PARLEY_THREADS", self.refuse(2, environment={"PARLEY_THREADS": "many"}))
        self.assertIn("gone.toml", self.refuse(2, environment={"PARLEY_CONFIG": "gone.toml"}))
        self.assertFalse((self.folder / "parley-data").exists())

    def test_a_flag_wins_over_the_environment_and_that_over_the_file(self):
        (self.folder / "p.toml").write_text('listen = "127.0.0.1:1"\ndata = "from-file"\n[log]\nformat = "text"\n')
        self.start("--config", "p.toml", "--listen", "127.0.0.1:0",
                   environment={"PARLEY_DATA": "from-variable", "PARLEY_LISTEN": "127.0.0.1:2"}).wait_ready()
        self.assertTrue((self.folder / "from-variable" / "application.json").exists())
        self.assertFalse((self.folder / "from-file").exists())


class Start(ProgramTest):
    def test_it_says_where_it_listens(self):
        server = self.serve("--admin-listen", "127.0.0.1:0")
        self.assertEqual(server.lines, [f"parleyd admin on 127.0.0.1:{server.admin_port}\n",
                                        f"parleyd ready on 127.0.0.1:{server.port}\n"])
        for port, target, status in ((server.port, "/healthz", 200), (server.port, "/metrics", 404),
                                     (server.admin_port, "/metrics", 200), (server.admin_port, "/nowhere", 404)):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
            connection.request("GET", target)
            self.assertEqual(connection.getresponse().status, status, target)
            connection.close()

    def test_there_is_a_thread_for_connections_for_each_core_unless_a_number_is_given(self):
        for arguments, threads in (((), os.cpu_count()), (("--threads", "3"), 3)):
            server = self.serve(*arguments)
            server.wait_logged("server.started")
            self.assertRegex(server.errors(), rf"server\.started .*\bthreads={threads}\b")
            self.assertEqual(server.end(), 0)

    def test_a_log_that_nobody_reads_stops_nothing(self):
        unread, log = os.pipe()
        os.set_blocking(log, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(log, bytes(4096))
        os.set_blocking(log, True)
        server = self.start("--data", "data", "--listen", "127.0.0.1:0", "--log-level", "debug", stderr=log).wait_ready()
        os.close(log)

        async def talk():
            alice, bob = Device(server, "alice", "a"), Device(server, "bob", "b")
            for device in (alice, bob):
                await device.connect()
            for number in range(100):
                await alice.result(await alice.submit(["bob"], str(number)))
            await bob.until_incoming([str(number) for number in range(100)])
            for device in (alice, bob):
                await device.close()
        asyncio.run(talk())
        self.assertEqual(server.control("/healthz")[0], 200)
        self.assertEqual(server.end(), 0)
        os.close(unread)

    def test_ipv6_has_brackets(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("this machine has no IPv6")
        server = self.start("--data", "data", "--listen", "[::1]:0").wait_ready()
        self.assertEqual(server.lines, [f"parleyd ready on [::1]:{server.port}\n"])

    def test_the_application_is_made_once_and_kept(self):
        server = self.serve()
        file = self.data / "application.json"
        first = file.read_text()
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o700)
        application = json.loads(first)
        self.assertEqual(sorted(application), ["applicationKey", "applicationSecret", "issuer"])
        self.assertEqual(application["issuer"], "//rtc.sinch.com/applications/" + application["applicationKey"])
        self.assertEqual(server.end(), 0)
        self.serve().end(signal.SIGKILL)
        self.serve()
        self.assertEqual(file.read_text(), first)

    def test_a_store_without_its_application_or_epoch_is_told_in_the_log(self):
        server = self.serve()
        self.assertEqual(server.end(), 0)
        for event in ("application.created_anew", "store.epoch_new"):
            self.assertNotIn(event, server.errors())
        (self.data / "application.json").unlink()
        (self.data / "store" / "EPOCH").unlink()
        server = self.serve()
        self.assertRegex(server.errors(), r"warn  application\.created_anew .*old file is put back")
        self.assertRegex(server.errors(), r"info  store\.epoch_new epoch=")

    def test_a_broken_application_file_is_code_2_and_stays(self):
        self.data.mkdir()
        (self.data / "application.json").write_text("{")
        self.assertIn("application.json", self.refuse(2, "--data", "data", "--listen", "127.0.0.1:0"))
        self.assertEqual((self.data / "application.json").read_text(), "{")

    def test_a_second_server_on_the_data_is_code_3(self):
        server = self.serve()
        line = self.refuse(3, "--data", "data", "--listen", "127.0.0.1:0")
        self.assertIn(f"process {server.process.pid}", line)
        self.assertEqual(server.control("/readyz")[0], 200)

    def test_an_address_in_use_is_code_2(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertIn(str(port), self.refuse(2, "--data", "data", "--listen", f"127.0.0.1:{port}"))
            self.assertIn(str(port), self.refuse(
                2, "--data", "data", "--listen", "127.0.0.1:0", "--admin-listen", f"127.0.0.1:{port}"))

    def test_an_address_of_another_machine_is_code_2(self):
        self.assertIn("192.0.2.1", self.refuse(2, "--data", "data", "--listen", "192.0.2.1:0", "--insecure-bind"))

    def test_a_store_that_cannot_be_opened_is_code_4(self):
        self.serve().end()
        broken = 0
        for file in self.data.rglob("CURRENT"):
            file.write_text("garbage\n")
            broken += 1
        self.assertEqual(broken, 1)
        self.assertIn("store", self.refuse(4, "--data", "data", "--listen", "127.0.0.1:0"))
        (self.folder / "file").write_text("")
        self.assertIn("no folder", self.refuse(4, "--data", "file", "--listen", "127.0.0.1:0"))


class Tls(ProgramTest):
    def subject(self, port):
        context = ssl.create_default_context(cafile=str(self.folder / "server.crt"))
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            with context.wrap_socket(connection, server_hostname="127.0.0.1") as stream:
                return dict(pair[0] for pair in stream.getpeercert()["subject"])["commonName"]

    def test_bad_files_are_code_2(self):
        certificate, key = self.make_certificate("first")
        (self.folder / "text.pem").write_text("hello")
        self.make_certificate("second")
        other = self.folder / "other.key"
        (self.folder / "server.key").rename(other)
        self.make_certificate("third")
        for cert_file, key_file, named in ((certificate, "none.key", "none.key"), ("none.crt", key, "none.crt"),
                                           ("text.pem", key, "text.pem"), (certificate, str(other), "other.key")):
            with self.subTest(cert=cert_file, key=key_file):
                self.assertIn(named, self.refuse(2, "--data", "data", "--listen", "127.0.0.1:0", "--tls-cert", cert_file,
                                                 "--tls-key", key_file))

    def test_sighup_reads_the_certificate_again(self):
        certificate, key = self.make_certificate("first")
        server = self.serve("--tls-cert", certificate, "--tls-key", key)
        self.assertEqual(self.subject(server.port), "first")
        self.make_certificate("second")
        server.process.send_signal(signal.SIGHUP)
        server.wait_logged("server.reloaded")
        self.assertEqual(self.subject(server.port), "second")
        good = pathlib.Path(certificate).read_text()
        pathlib.Path(certificate).write_text("broken")
        server.process.send_signal(signal.SIGHUP)
        server.wait_logged("certificate.not_reloaded")
        pathlib.Path(certificate).write_text(good)
        self.assertEqual(self.subject(server.port), "second")
        self.assertEqual(server.end(), 0)
        self.assertEqual(server.errors().count("server.reloaded"), 1)


    def test_ecdsa_and_rsa_are_served_over_tls_1_2_and_1_3_and_nothing_older(self):
        for kind in (("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), ("rsa:2048",)):
            certificate, key = self.make_certificate("either", kind=kind)
            server = self.serve("--tls-cert", certificate, "--tls-key", key)
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(kind=kind[0], version=version.name):
                    context = ssl.create_default_context(cafile=certificate)
                    context.minimum_version = context.maximum_version = version
                    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
                        with context.wrap_socket(connection, server_hostname="127.0.0.1") as stream:
                            self.assertRegex(stream.cipher()[0], "GCM|CHACHA20")
                            self.assertIsNone(stream.compression())
                            self.assertFalse(stream.session.has_ticket if stream.session else False)
            # What TLS 1.2 had beside these: no forward secrecy, no authenticated encryption; and what came before it.
            for flags in (["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-SHA"],
                          ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"],
                          ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]):
                with self.subTest(kind=kind[0], flags=flags):
                    attempt = subprocess.run(
                        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *flags], stdin=subprocess.DEVNULL,
                        capture_output=True, timeout=SECONDS)
                    self.assertNotEqual(attempt.returncode, 0)
                    self.assertIn(b"Cipher is (NONE)", attempt.stdout)
            self.assertEqual(server.end(), 0)

    def test_a_session_stays_over_a_reload(self):
        async def over_a_reload():
            certificate, key = self.make_certificate("first")
            server = self.serve("--tls-cert", certificate, "--tls-key", key)
            trust = ssl.create_default_context(cafile=certificate)
            old = await SecureDevice(server, "alice", trust).connect()
            self.make_certificate("second")
            server.process.send_signal(signal.SIGHUP)
            server.wait_logged("server.reloaded")
            self.assertEqual(self.subject(server.port), "second")
            new = await SecureDevice(server, "bob", ssl.create_default_context(cafile=certificate)).connect()
            await old.submit(["bob"], "still here")
            await new.until_incoming(["still here"])
            self.assertIsNone(old.goodbye)
            await old.close()
            await new.close()
        asyncio.run(over_a_reload())

    def test_a_certificate_that_ends_soon_or_has_ended_is_told(self):
        certificate, key = self.make_certificate("short", days=3)
        flags = ("--tls-cert", certificate, "--tls-key", key)
        check = self.start("check", *flags)
        self.assertEqual(check.wait(), 0)
        self.assertRegex(check.errors(), r"parleyd: note: tls\.cert \(--tls-cert\): .*server\.crt: the certificate ends on "
                         r"20\d\d-\d\d-\d\d \d\d:\d\d UTC, in [23] days")
        server = self.serve(*flags)
        self.assertRegex(server.errors(), r"warn  certificate\.attention .*ends on")
        self.make_certificate("long")
        server.process.send_signal(signal.SIGHUP)
        server.wait_logged("server.reloaded")
        self.assertEqual(server.errors().count("certificate.attention"), 1)
        self.assertRegex(server.errors(), r"info  certificate\.reloaded .*until=\"20\d\d-")
        good = pathlib.Path(certificate).read_text()
        subprocess.run(
            ["openssl", "x509", "-in", certificate, "-signkey", key, "-days", "-1", "-out", certificate], check=True, capture_output=True)
        server.process.send_signal(signal.SIGHUP)
        server.wait_logged("certificate.not_reloaded")
        # Clients take the one in use, and would not take this one.
        self.assertRegex(server.errors(), r"the certificate ended on 20.* the one in use, valid until 20.*, stays")
        ended = pathlib.Path(certificate).read_text()
        pathlib.Path(certificate).write_text(good)
        self.assertEqual(self.subject(server.port), "long")
        pathlib.Path(certificate).write_text(ended)
        self.assertEqual(server.errors().count("certificate.reloaded"), 1)
        # No client takes it, so it is a mistake and no note.
        self.assertRegex(self.refuse(2, "check", *flags), r"tls\.cert \(--tls-cert\): .*server\.crt: the certificate ended on 20")
        # Who starts with it all the same is told, and serves: a restart must not make more of it than it is.
        again = self.start("--data", "again", "--listen", "127.0.0.1:0", *flags).wait_ready()
        self.assertIn("the certificate ended on", again.errors())

    def test_a_certificate_that_has_not_begun_is_a_mistake(self):
        certificate, key = self.make_certificate("later")
        request = ["openssl", "req", "-new", "-key", key, "-subj", "/CN=later", "-out", str(self.folder / "later.csr")]
        subprocess.run(request, check=True, capture_output=True)
        (self.folder / "db").write_text("")
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca = own\n[own]\ndatabase = db\nserial = serial\nnew_certs_dir = .\npolicy = any\ndefault_md = sha256\n"
            "[any]\ncommonName = supplied\n")
        subprocess.run(
            ["openssl", "ca", "-batch", "-config", "ca.cnf", "-selfsign", "-create_serial", "-keyfile", key, "-in", "later.csr",
             "-startdate", "20990101000000Z", "-enddate", "20991231000000Z", "-out", certificate, "-notext"],
            cwd=self.folder, check=True, capture_output=True)
        self.assertRegex(self.refuse(2, "check", "--tls-cert", certificate, "--tls-key", key),
                         r"tls\.cert \(--tls-cert\): .*is not valid before 2099-01-01")


class SecureDevice(Device):
    """A device that speaks TLS."""

    def __init__(self, server, user, trust):
        super().__init__(server, user)
        self.trust = trust

    async def connect(self):
        plain = websockets.connect

        def secure(url, **options):
            return plain(url.replace("ws://", "wss://"), ssl=self.trust, **options)
        with unittest.mock.patch("websockets.connect", secure):
            return await super().connect()


class Signals(ProgramTest):
    def test_sighup_reads_the_log_level_again(self):
        config = self.folder / "p.toml"
        config.write_text('[log]\nlevel = "warn"\nformat = "json"\n')
        server = self.serve("--config", "p.toml")
        config.write_text('[log]\nlevel = "info"\nformat = "json"\n')
        server.process.send_signal(signal.SIGHUP)
        server.wait_logged("server.reloaded")
        config.write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        server.wait_logged("settings.not_reloaded")
        self.assertEqual(server.end(), 0)
        self.assertEqual(server.errors().count("server.reloaded"), 1)
        for line in server.errors().splitlines():
            self.assertEqual(list(json.loads(line)), ["ts", "level", "event", "fields"])

    def test_sigterm_and_sigint_end_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve()
            began = time.monotonic()
            self.assertEqual(server.end(number), 0)
            self.assertLess(time.monotonic() - began, 10)

    def test_a_drain_says_goodbye(self):
        server = self.serve()

        async def talk():
            bob = Device(server, "bob")
            await bob.connect()
            server.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(bob.reader, SECONDS)
            self.assertEqual(bob.goodbye["error"]["code"], 3002)
        asyncio.run(talk())
        self.assertEqual(server.wait(), 0)

    def test_a_second_signal_does_not_wait(self):
        server = self.serve()

        async def leave_a_session_that_does_not_read():
            bob = Device(server, "bob")
            await bob.connect()
            bob.socket.transport.pause_reading()
            server.process.send_signal(signal.SIGTERM)
            server.wait_logged("server.draining")
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - began, 3)
            await bob.drop()
        asyncio.run(leave_a_session_that_does_not_read())
        self.assertIn("server.forced", server.errors())

    def test_a_session_that_does_not_read_delays_the_end_by_less_than_10_seconds(self):
        server = self.serve()

        async def leave_a_session_that_does_not_read():
            bob = Device(server, "bob")
            await bob.connect()
            bob.socket.transport.pause_reading()
            began = time.monotonic()
            self.assertEqual(server.end(), 0)
            self.assertLess(time.monotonic() - began, 10)
            await bob.drop()
        asyncio.run(leave_a_session_that_does_not_read())

    def test_peers_that_do_not_read_delay_the_end_by_less_than_10_seconds(self):
        server = self.serve()
        silent = socket.create_connection(("127.0.0.1", server.port), SECONDS)
        self.addCleanup(silent.close)
        began = time.monotonic()
        self.assertEqual(server.end(), 0)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_closed_standard_output_or_error_does_not_end_it(self):
        server = self.serve()
        server.process.stdout.close()
        server.process.send_signal(signal.SIGPIPE)
        self.assertEqual(server.control("/readyz")[0], 200)


class Administration(ProgramTest):
    def test_the_control_socket_is_private_and_answers(self):
        server = self.serve()
        mode = (self.data / "control.sock").stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        for target in ("/healthz", "/readyz"):
            status, body = server.control(target)
            self.assertEqual(status, 200)
            json.loads(body)
        status, body = server.control("/metrics")
        self.assertEqual(status, 200)
        self.assertRegex(body, r"(?m)^parley_\w+ \d")
        status, body = server.control("/nowhere")
        self.assertEqual((status, json.loads(body)["errorCode"]), (404, 404))
        status, body = server.control("/metrics", "DELETE")
        self.assertEqual((status, json.loads(body)["errorCode"]), (405, 405))


    def test_the_clock_is_confirmed_with_and_without_a_running_server(self):
        self.assertIn("no server answers", self.refuse(2, "clock", "confirm", "--data", "data"))
        self.assertFalse(self.data.exists())
        server = self.serve()
        for _ in range(2):
            program = self.start("clock", "confirm", "--data", "data")
            self.assertEqual((program.process.stdout.read(), program.wait()), ("parleyd: the clock is confirmed\n", 0))
            if server.process.poll() is None:
                server.wait_logged("clock.confirmed")
                self.assertEqual(server.control("/v1/clock/confirm")[0], 405)
                self.assertEqual(server.end(), 0)
        self.serve()


if __name__ == "__main__":
    unittest.main()
