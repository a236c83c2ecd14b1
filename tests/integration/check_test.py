"""parleyd check: what it finds wrong before a server starts, and that a start would end with it."""

import json
import os
import unittest

from program import ProgramTest, obey_modes


class Check(ProgramTest):
    def test_it_reports_every_mistake_and_starts_nothing(self):
        (self.folder / "p.toml").write_text('retention = "x"\nlissten = 1\n')
        program = self.start("check", "--config", "p.toml", "--threads", "x", environment={"PARLEY_ENGINE": "x"})
        self.assertEqual(program.wait(), 2)
        lines = program.errors().splitlines()
        self.assertEqual(len(lines), 4, lines)
        for line, said in zip(lines, ("p.toml:1: retention", "p.toml:2: lissten", "PARLEY_ENGINE", "--threads")):
            self.assertIn(said, line)
        program = self.start("check", "--data", "data")
        self.assertIn("valid", program.process.stdout.read())
        self.assertEqual(program.wait(), 0)
        self.assertFalse(self.data.exists())

    def test_it_looks_into_the_files_that_are_named(self):
        self.assertIn("tls.cert (--tls-cert): none.crt: there is no such file",
                      self.refuse(2, "check", "--tls-cert", "none.crt", "--tls-key", "none.key"))
        self.data.mkdir()
        (self.data / "application.json").write_text("{}")
        line = self.refuse(2, "check", "--data", "data")
        self.assertTrue("data (--data): " in line and "application.json" in line, line)
        (self.folder / "p.toml").write_text('\n[tls]\ncert = "none.crt"\nkey = "none.key"\n')
        self.assertIn("tls.cert (p.toml:3): none.crt", self.refuse(2, "check", "--config", "p.toml"))

    def test_one_mistake_hides_no_other(self):
        (self.folder / "p.toml").write_text(
            'listen = "nowhere.invalid:7700"\nretention = "5y"\nthreads = 1.5\nunknwn = 3\n[tls]\ncert = "none.crt"\n'
            'key = "none.key"\n[limits]\nrate_burst = 5\nrate_per_second = "x"\n')
        program = self.start("check", "--config", "p.toml")
        self.assertEqual(program.wait(), 2)
        said = program.errors()
        for mistake in ("listen (p.toml:1)", "p.toml:2: retention", "p.toml:3: threads", "p.toml:4: unknwn", "none.crt",
                        "limits.rate_burst (p.toml:9)", "p.toml:10: limits.rate_per_second"):
            self.assertIn(mistake, said)
        self.assertEqual(len(said.splitlines()), 7, said)

    def test_it_says_that_a_host_to_listen_at_does_not_resolve(self):
        (self.folder / "p.toml").write_text('insecure_bind = true\nlisten = "no-such-host.invalid:7700"\n')
        self.assertIn("listen (p.toml:2): the name no-such-host.invalid does not resolve", self.refuse(2, "check", "--config", "p.toml"))
        self.assertIn("admin.listen (--admin-listen): the name no-such-host.invalid does not resolve", self.refuse(
            2, "check", "--listen", "127.0.0.1:0", "--admin-listen", "no-such-host.invalid:1", "--insecure-bind"))

    def test_it_says_that_a_host_to_listen_at_is_no_address_of_this_machine(self):
        # An address for documentation, nobody's (RFC 5737).
        self.assertIn("listen (--listen): cannot listen on 192.0.2.1: Cannot assign requested address",
                      self.refuse(2, "check", "--listen", "192.0.2.1:7700", "--insecure-bind"))
        self.assertIn("admin.listen (--admin-listen): cannot listen on [2001:db8::1]: ",
                      self.refuse(2, "check", "--admin-listen", "[2001:db8::1]:7700", "--insecure-bind"))

    def test_it_finds_nothing_wrong_beside_the_server_that_runs(self):
        server = self.serve()
        check = self.start("check", "--data", "data", "--listen", f"127.0.0.1:{server.port}")
        self.assertEqual((check.wait(), check.errors()), (0, ""))

    def test_it_says_what_a_start_would_not_get_over_in_the_data_folder(self):
        (self.folder / "file").write_text("")
        (self.folder / "link").symlink_to("nowhere")
        key = {"applicationKey": "a", "applicationSecret": "AAAA", "issuer": "//rtc.sinch.com/applications/a"}
        for name, file, content in (("further", "applications/b.json", key), ("broken", "applications/a.json", {}),
                                    ("restored", "restore.partial/x", {})):
            (self.folder / name / file).parent.mkdir(parents=True)
            (self.folder / name / file).write_text(json.dumps(content))
        (self.folder / "pipe").mkdir()
        os.mkfifo(self.folder / "pipe" / "application.json")
        for folder, said in (("file", "file is no folder"), ("link", "link is no folder"),
                             ("file/x", "file/x: cannot be looked into: Not a directory"),
                             ("link/x/y", "link is no folder"),
                             ("/proc/nothere/x", "/proc/nothere/x: no folder can be made in /proc: "),
                             ("further", "further/applications/b.json: is of the application a; name it a.json"),
                             ("broken", 'broken/applications/a.json: has no text "applicationKey"'),
                             ("restored", "restored/restore.partial: a restore was interrupted"),
                             ("pipe", "pipe/application.json: is no regular file")):
            with self.subTest(folder=folder):
                self.assertRegex(self.refuse(2, "check", "--data", folder), r"data \(--data\): " + said)
                # Nor does it start.
                self.assertIn(self.start("--data", folder, "--listen", "127.0.0.1:0").wait(), (2, 4))
        before = sorted(self.folder.rglob("*"))
        self.assertEqual(self.start("check", "--data", "new/data").wait(), 0)
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def test_it_says_what_this_user_may_not(self):
        cases = (("there", 0o000, "there: cannot be read and written"), ("there", 0o500, "there: cannot be read and written"),
                 (".", 0o000, "there: cannot be looked into"), ("there/LOCK", 0o400, "there/LOCK: cannot be read and written"),
                 ("there/store", 0o500, "there/store: cannot be read and written"),
                 ("there/application.json", 0o000, "there/application.json: cannot be read"))
        above = self.folder / "above"
        (above / "there" / "store").mkdir(parents=True)
        (above / "there" / "LOCK").write_text("")
        (above / "there" / "application.json").write_text(json.dumps(
            {"applicationKey": "a", "applicationSecret": "AAAA", "issuer": "//rtc.sinch.com/applications/a"}))
        for path, mode, said in cases:
            with self.subTest(path=path, mode=mode):
                before = (above / path).stat().st_mode
                (above / path).chmod(mode)
                line = self.refuse(2, "check", "--data", "above/there", prepare=obey_modes)
                (above / path).chmod(before)
                self.assertIn(f"data (--data): above/{said}: Permission denied", line)
        above.chmod(0o500)
        self.assertIn("above/new: no folder can be made in above: Permission denied",
                      self.refuse(2, "check", "--data", "above/new", prepare=obey_modes))
        above.chmod(0o700)

    def test_a_start_names_the_key_of_a_wrong_certificate_as_check_does(self):
        certificate, key = self.make_certificate("one")
        (self.folder / "broken.key").write_text("no key")
        for flags in (("--tls-cert", "none.crt", "--tls-key", key), ("--tls-cert", certificate, "--tls-key", "none.key"),
                      ("--tls-cert", certificate, "--tls-key", "broken.key")):
            with self.subTest(flags=flags):
                line = self.refuse(2, "check", *flags)
                self.assertRegex(line, r"^parleyd: tls\.(cert|key) \(--tls-(cert|key)\): ")
                self.assertEqual(self.refuse(2, "--listen", "127.0.0.1:0", "--data", "data", *flags), line)


if __name__ == "__main__":
    unittest.main()
