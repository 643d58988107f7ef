"""runhook hooks addresses, the program that puts them into a web server, and its units."""

import json
import os
import signal
import stat
import subprocess

import pytest

from .support.deliveries import workflow_job
from .support.edges import BEHIND_PROXY, GITHUB, STRANGER
from .support.fronts import PROJECT
from .support.processes import environment
from .support.waiting import wait_until

INSTALLER = PROJECT / "nginx/runhook-hook-addresses"
SORTED = ["140.82.112.0/20", "143.55.64.0/20", "185.199.108.0/22", "192.30.252.0/22",
          "2606:50c0::/32", "2a0a:a440::/29"]
WRONG_LISTS = [
    [], None, "192.30.252.0/22", [7], [None],
    *[["192.30.252.0/22", text] for text in (
        "192.30.252.0/22 1;", "0.0.0.0/0", "192.30.252.1/22", "", "all", "::/0")],
    [f"10.{n // 250}.{n % 250}.0/24" for n in range(257)],
]


def addresses(site, *arguments, code=0, **options):
    done = site.run("hooks", "addresses", *arguments, **options)
    assert done.code == code, done
    return done


def asked(site):
    return [request.headers.get("Authorization") for request in site.github.requests]


class TestCommand:
    def test_prints_them(self, site):
        assert addresses(site).stdout.splitlines() == SORTED
        assert json.loads(addresses(site, "--json").stdout) == {"hooks": SORTED}
        for form in ("--nginx", "--lighttpd"):
            printed = addresses(site, form).stdout
            assert [line for line in printed.splitlines() if "/" in line] and all(
                network in printed for network in SORTED)
        assert site.github.schema_refusals == []

    def test_a_file(self, site):
        path = site.directory / "list"
        assert addresses(site, "--output", path).stdout == "changed\n"
        assert path.read_text().splitlines() == SORTED
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        before = path.stat()
        site.github.meta.hooks.reverse()  # the same ones
        assert addresses(site, "--output", path).stdout == "unchanged\n"
        assert path.stat().st_ino == before.st_ino
        site.github.meta.hooks.append("192.0.2.0/24")
        assert addresses(site, f"--output={path}").stdout == "changed\n"
        assert "192.0.2.0/24" in path.read_text()

    def test_a_wrong_list_replaces_nothing(self, site):
        path = site.directory / "list"
        path.write_text("good\n")
        for wrong in WRONG_LISTS:
            site.github.meta.hooks = wrong
            done = addresses(site, "--nginx", "--output", path, code=1)
            assert done.stderr.startswith("runhook: error: GitHub"), wrong
            assert "stays as it is" in done.stderr, wrong
            assert (done.stdout, path.read_text()) == ("", "good\n"), wrong

    def test_the_token(self, site):
        addresses(site)
        assert [text.split()[0] for text in asked(site)] == ["Bearer"]
        site.github.tokens.clear()
        addresses(site)
        assert [text is not None for text in asked(site)] == [True, True, False]
        site.github.meta.is_public = False
        assert "give [github] one" in addresses(site, code=1).stderr

    @pytest.mark.parametrize("keys", [
        {"token_file": None}, {"token_file": "/nonexistent"},
        {"token_file": None, "webhook_secret_file": None}])
    def test_without_one(self, site, keys):
        site.configure("github", **keys)
        assert addresses(site).stdout.splitlines() == SORTED
        assert asked(site) == [None]

    def test_without_a_configuration(self, site):
        done = addresses(site, config=False, env={"GITHUB_API_URL": site.github.url,
                                                  "RUNHOOK_CONFIG": None})
        assert done.stdout.splitlines() == SORTED

    def test_an_enterprise_server(self, make_site):
        site = make_site(github={"prefix": "/api/v3"})
        site.configure("github", api_url=site.github.url)
        site.github.meta.hooks = None
        assert "Enterprise Server" in addresses(site, code=1).stderr
        site.github.meta.hooks = ["10.20.30.40/32"]
        assert addresses(site).stdout == "10.20.30.40/32\n"

    def test_usage(self, site):
        for arguments, words in (
                (["--nginx", "--json"], "one of --nginx"), (["--nginx", "--nginx"], "given twice"),
                (["octo"], "not those of an owner"), (["--output"], "needs a file"),
                (["--output", ""], "needs a file"), (["--apache"], "addresses has no --apache"),
                (["--url", "https://x"], "addresses has no --url")):
            done = addresses(site, *arguments, code=2)
            assert words in done.stderr and "usage: runhook" in done.stderr
        assert site.github.requests == []

    def test_a_file_that_cannot_be(self, site):
        done = addresses(site, "--output", site.directory / "missing/list", code=1)
        assert "cannot make a file in" in done.stderr
        assert "is no regular file" in addresses(site, "--output", "/dev/null", code=1).stderr

    def test_help(self, site):
        assert "\naddresses [--nginx | --lighttpd | --json]" in site.run(
            "help", "hooks", config=False).stdout


class Installation:
    """A running web server, and what the installer meets in place of systemd."""

    def __init__(self, site, kind):
        self.site = site
        self.kind = kind
        self.edge = site.serve(BEHIND_PROXY[kind], addresses=False)
        self.list = site.directory / "list"
        self.bin = site.directory / "bin"
        self.bin.mkdir()
        self.main = site.directory / f"{kind}.conf"
        self.calls = site.directory / "systemctl-calls"
        number = {"nginx": signal.SIGHUP, "lighttpd": signal.SIGUSR1}[kind]
        self.script("systemctl", f'echo "$*" >>{self.calls}\n'
                    f'for word; do [ ! -e {site.directory}/$word.fails ] || exit 1; done\n'
                    f'[ "$1" != reload ] || kill -{int(number)} {self.edge.web.pid}')
        self.script("nginx", f'exec /usr/sbin/nginx -p {site.directory} -c {self.main} '
                    f'-e {site.directory}/test-error.log "$@"')

    def script(self, name, text):
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    @property
    def target(self):
        return self.edge.addresses_path

    def reloads(self):
        return self.calls.read_text().count("reload") if self.calls.exists() else 0

    def fetch(self):
        addresses(self.site, f"--{self.kind}", "--output", self.list)

    def install(self, code=0):
        done = subprocess.run(
            [INSTALLER, self.kind, self.list, self.target], capture_output=True, text=True,
            env=environment({"PATH": f"{self.bin}:{os.environ['PATH']}",
                             "LIGHTTPD_CONF": self.main}))
        assert done.returncode == code, done
        left = [path.name for path in self.target.parent.iterdir() if path.name.startswith(".")]
        assert left == []
        return done

    def answer_to(self, address):
        return self.edge.deliver_from(address, workflow_job(labels=["ubuntu-latest"])).status


@pytest.mark.parametrize("kind", list(BEHIND_PROXY))
def test_the_web_server_follows(site, kind):
    installation = Installation(site, kind)
    assert installation.answer_to(STRANGER) == 200
    installation.fetch()
    assert "changed, and" in installation.install().stdout
    wait_until(lambda: installation.answer_to(STRANGER) == 403, "the list is in force")
    assert installation.answer_to(GITHUB) == 200
    assert "unchanged" in installation.install().stdout
    assert installation.reloads() == 1

    # Another list, and the web server's configuration has become wrong meanwhile.
    good, before = installation.target.read_text(), installation.main.read_text()
    installation.site.github.meta.hooks.append("203.0.113.0/24")
    installation.fetch()
    installation.main.write_text(before + "\nno such thing\n")
    done = installation.install(code=1)
    assert "the old list of addresses is back" in done.stderr
    assert (installation.target.read_text(), installation.reloads()) == (good, 1)
    installation.main.write_text(before)

    # It cannot be reloaded, or does not run.
    (installation.site.directory / "reload.fails").touch()
    assert "could not be reloaded" in installation.install(code=1).stderr
    assert installation.target.read_text() == good
    (installation.site.directory / "reload.fails").unlink()
    (installation.site.directory / "is-active.fails").touch()
    assert "does not run" in installation.install().stdout
    assert "203.0.113.0/24" in installation.target.read_text()


@pytest.mark.parametrize("form, other", [("nginx", "--lighttpd"), ("lighttpd", "--nginx")])
def test_a_file_that_is_no_list(site, form, other):
    good = addresses(site, f"--{form}").stdout
    network = good.splitlines()[2]
    lists = ["", "# nothing\n", good.replace(network, "x"), good + "load_module x.so;\n",
             good.replace(network, network + " include /etc/passwd;"),
             good.replace("140.82.112.0/20", "$host"), addresses(site).stdout,
             addresses(site, other).stdout, good + "# \x07\n", good + "x" * 70000]
    source, target = site.directory / "list", site.directory / "target/installed.conf"
    target.parent.mkdir()

    def refused():
        done = subprocess.run([INSTALLER, form, source, target], capture_output=True, text=True)
        assert done.returncode == 1
        assert list(target.parent.iterdir()) == []
        return done.stderr

    for text in lists:
        source.write_text(text)
        assert "is no list of addresses" in refused(), text
    source.unlink()
    assert "there is no" in refused()
    source.symlink_to(site.secret_file("key", "a-secret-line"))
    assert "a-secret-line" not in refused()


def test_the_installers_usage():
    for arguments in ([], ["nginx"], ["apache", "/x"], ["nginx", "a", "b", "c"]):
        done = subprocess.run([INSTALLER, *arguments], capture_output=True, text=True)
        assert done.returncode == 1 and "usage: " in done.stderr


def test_the_installer_is_clean():
    subprocess.run(["shellcheck", INSTALLER], check=True)


def test_the_units_are_clean(tmp_path, runhook_path):
    """With the programs' paths in place of their names, which only an installed system finds."""
    for name in ("service", "timer"):
        text = (PROJECT / f"nginx/runhook-hook-addresses.{name}").read_text()
        text = text.replace("ExecStart=runhook ", f"ExecStart={runhook_path} ")
        text = text.replace("ExecStart=!runhook-hook", f"ExecStart=!{INSTALLER.parent}/runhook-hook")
        (tmp_path / f"runhook-hook-addresses.{name}").write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no",
                           *sorted(tmp_path.glob("runhook-*"))], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
