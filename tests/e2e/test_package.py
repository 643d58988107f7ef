"""The packages: what is in them, and their life on a clean Debian, from the installation to a purge
that leaves the ledger alone."""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from .support import deliveries, log
from .support.debian_root import DebianRoot, why_not
from .support.fastcgi import FastCgiConnection, params_for
from .support.processes import Process
from .support.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[2]
SECRETS = {"webhook-secret": deliveries.WEBHOOK_SECRET, "github-token": "ghp_0b6c1f7e9a2d4453",
           "nomad-token": "5c7a3e90-77aa-4b1e-9f5e-0d6f8c2b1a43"}
# Of 100, where 0 is best: the network, which it needs, is most of it.
EXPOSURE_MAX = 13


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: tests/install-packages test")


def run(*command, env=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})})
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def build(runhook_path):
    folder = runhook_path.parent.parent
    if not (folder / "CPackConfig.cmake").exists():
        pytest.skip(f"{runhook_path} is not in a build that cpack knows")
    return folder


@pytest.fixture(scope="module")
def make_packages(build, tmp_path_factory):
    def make(generator):
        folder = tmp_path_factory.mktemp(generator.lower())
        # Of what is built, as it is: as if by Ninja, for which cpack does not build once more.
        run("cpack", "--config", build / "CPackConfig.cmake", "-G", generator, "-B", folder,
            "-D", "CPACK_CMAKE_GENERATOR=Ninja")
        return folder

    return make


@pytest.fixture(scope="module")
def debs(make_packages):
    need("dpkg-deb", "dpkg-shlibdeps")
    return make_packages("DEB")


@pytest.fixture(scope="module")
def deb(debs):
    return next(debs.glob("runhook_*.deb"))


@pytest.fixture(scope="module")
def staged(deb, tmp_path_factory):
    """What the package holds, in a folder."""
    folder = tmp_path_factory.mktemp("staged")
    run("dpkg-deb", "--extract", deb, folder)
    return folder


@pytest.fixture(scope="module")
def machine(build, deb):
    """A clean Debian with what the package depends on."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    folder = tempfile.mkdtemp(prefix="runhook-root-")
    try:
        with DebianRoot(folder, build / "debian-minbase.tar") as root:
            root.make()
            root.apt("satisfy", run("dpkg-deb", "--field", deb, "Depends").strip(), "logrotate")
            yield root
    finally:
        os.rmdir(folder)


# -- what is in them ------------------------------------------------------------------------------

def test_lintian_finds_no_error(debs):
    need("lintian")
    arguments = ["--fail-on", "error,warning", "--tag-display-limit", "0"]
    if os.geteuid() == 0:
        arguments.append("--allow-root")
    run("lintian", *arguments, *debs.glob("*.deb"))


SHELL = [*sorted((PROJECT / "packaging/deb").glob("p*")), *sorted((PROJECT / "packaging/rpm").iterdir()),
         PROJECT / "packaging/completion/runhook.bash", PROJECT / "tests/install-packages"]


@pytest.mark.parametrize("path", SHELL, ids=lambda path: str(path.relative_to(PROJECT)))
def test_shellcheck_finds_nothing(path):
    need("shellcheck")
    # Those of an RPM have no first line that says whose language theirs is.
    dialect = () if path.read_text().startswith("#!") else ("--shell", "sh")
    if path.suffix == ".bash":
        dialect = ("--shell", "bash")
    run("shellcheck", *dialect, path)


def test_no_package_is_made_without_what_it_depends_on(tmp_path):
    done = subprocess.run([shutil.which("cmake"), "-D", "CPACK_GENERATOR=DEB", "-D",
                           f"CPACK_TEMPORARY_DIRECTORY={tmp_path}", "-P",
                           PROJECT / "cmake/StagePackage.cmake"],
                          capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert done.returncode != 0
    assert "tests/install-packages package" in done.stderr


def test_the_packages_are_made_with_what_their_page_installs():
    """Without the tests, whose packages the page does not name."""
    page = (PROJECT / "docs/package.md").read_text()
    assert "tests/install-packages build package\ncmake --workflow --preset package" in page
    presets = json.loads((PROJECT / "CMakePresets.json").read_text())
    (workflow,) = [preset for preset in presets["workflowPresets"] if preset["name"] == "package"]
    configured = [preset for preset in presets["configurePresets"]
                  if preset["name"] in {step["name"] for step in workflow["steps"]}]
    assert [preset["cacheVariables"]["BUILD_TESTING"] for preset in configured] == ["OFF"]


def test_the_packages_hold_what_they_should(deb, debs, staged):
    for name in ("usr/bin/runhook", "usr/lib/systemd/system/runhook.service",
                 "usr/lib/systemd/system/runhook.socket", "usr/lib/sysusers.d/runhook.conf",
                 "usr/lib/tmpfiles.d/runhook.conf", "usr/share/doc/runhook/README.md",
                 "usr/share/doc/runhook/docs/package.md", "usr/share/doc/runhook/nginx/runhook.conf",
                 "usr/share/doc/runhook/examples/nomad/run-runner.sh",
                 "usr/share/man/man1/runhook.1.gz", "usr/share/man/man5/runhook.conf.5.gz",
                 "usr/share/bash-completion/completions/runhook",
                 "usr/share/zsh/vendor-completions/_runhook", "etc/logrotate.d/runhook"):
        assert (staged / name).is_file(), name
    pages = {path.name.removesuffix(".gz") for path in staged.glob("usr/share/man/man?/*")}
    assert pages == {path.name for path in (PROJECT / "docs/man").iterdir()}
    documents = staged / "usr/share/doc/runhook"
    assert {str(path.relative_to(documents)): stat.S_IMODE(path.stat().st_mode)
            for path in documents.rglob("*") if path.is_file() and
            stat.S_IMODE(path.stat().st_mode) != 0o644} == dict.fromkeys(
                ("examples/nomad/run-runner.sh", "examples/quickstart/run", "examples/replay",
                 "nginx/runhook-hook-addresses"), 0o755)
    assert {stat.S_IMODE(path.stat().st_mode) for path in documents.rglob("*")
            if path.is_dir()} == {0o755}
    conf = staged / "etc/runhook/runhook.conf"
    assert stat.S_IMODE(conf.stat().st_mode) == 0o640
    assert stat.S_IMODE(conf.parent.stat().st_mode) == 0o750
    for program in ("libfcgi0ldbl", "libcurl4", "libsqlite3-0", "ca-certificates", "adduser"):
        assert program in run("dpkg-deb", "--field", deb, "Depends")
    assert "RUNPATH" not in run("readelf", "--dynamic", staged / "usr/bin/runhook")
    development = run("dpkg-deb", "--contents", next(debs.glob("librunhook-dev_*.deb")))
    for name in ("include/runhook/runhook.h", "pkgconfig/runhook.pc", "librunhook.so ->"):
        assert name in development


def test_the_rpm_holds_the_same(make_packages, staged):
    need("rpmbuild", "rpm")
    rpm = next(path for path in make_packages("RPM").glob("*.rpm") if "devel" not in path.name)
    files = set(run("rpm", "-qpl", rpm).splitlines())
    missing = {f"/{path.relative_to(staged)}" for path in staged.rglob("*") if path.is_file()}
    assert missing - files == set()
    assert run("rpm", "-qpc", rpm).split() == ["/etc/logrotate.d/runhook",
                                               "/etc/runhook/runhook.conf"]


# -- the units ------------------------------------------------------------------------------------

def units_for_here(staged, folder):
    """The units, with programs that are there on this machine."""
    for name in ("runhook.service", "runhook.socket"):
        text = (staged / "usr/lib/systemd/system" / name).read_text()
        (folder / name).write_text(text.replace("/usr/bin/runhook", str(staged / "usr/bin/runhook")))
    return [folder / "runhook.service", folder / "runhook.socket"]


def test_systemd_verifies_the_units(staged, tmp_path):
    need("systemd-analyze")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no",
                           *units_for_here(staged, tmp_path)], capture_output=True, text=True)
    mine = [line for line in done.stderr.splitlines() if "runhook" in line]
    assert (done.returncode, mine) == (0, [])


def test_the_service_is_shut_in(staged):
    need("systemd-analyze")
    run("systemd-analyze", "security", "--offline=true", "--no-pager",
        f"--threshold={EXPOSURE_MAX}", staged / "usr/lib/systemd/system/runhook.service")


def test_what_the_service_needs_is_not_forbidden(staged):
    text = (staged / "usr/lib/systemd/system/runhook.service").read_text()
    for line in ("StandardInput=socket", "StandardOutput=journal", "StandardError=journal",
                 "StateDirectory=runhook", "LoadCredential=webhook-secret:"
                 "/etc/runhook/webhook-secret", "ExecStart=/usr/bin/runhook --config "
                 "/etc/runhook/runhook.conf serve", "Also=runhook.socket"):
        assert f"\n{line}\n" in text, line


def test_the_socket_holds_as_many_as_one_that_runhook_opens(staged):
    opened = re.search(r"^#define BACKLOG (\d+)$", (PROJECT / "cgi/serve/listen.c").read_text(), re.M)
    socket_unit = (staged / "usr/lib/systemd/system/runhook.socket").read_text()
    assert f"\nBacklog={opened[1]}\n" in socket_unit


def test_a_folder_that_is_there_keeps_its_owner(staged, tmp_path):
    """At every start of the machine: behind lighttpd, and in a Nomad job, the ledger is www-data's."""
    need("systemd-tmpfiles")
    if os.geteuid() != 0:
        pytest.skip("only root can make folders of others")
    accounts = tmp_path / "etc"
    accounts.mkdir()
    (accounts / "passwd").write_text("runhook:x:990:990::/nonexistent:/usr/sbin/nologin\n")
    (accounts / "group").write_text("runhook:x:990:\n")
    ledger = tmp_path / "var/lib/runhook"
    ledger.mkdir(0o700, parents=True)
    os.chown(ledger, 33, 33)
    run("systemd-tmpfiles", f"--root={tmp_path}", "--create",
        staged / "usr/lib/tmpfiles.d/runhook.conf")
    made = {folder.parent.name: (folder.stat().st_uid, folder.stat().st_gid,
                                 stat.S_IMODE(folder.stat().st_mode))
            for folder in (ledger, tmp_path / "var/log/runhook")}
    assert made == {"lib": (33, 33, 0o700), "log": (990, 990, 0o750)}


# -- the life of the package ----------------------------------------------------------------------

ACCOUNT = {"/etc/passwd", "/etc/passwd-", "/etc/shadow", "/etc/shadow-", "/etc/group",
           "/etc/group-", "/etc/gshadow", "/etc/gshadow-", "/etc/subuid", "/etc/subuid-",
           "/etc/subgid", "/etc/subgid-"}
BOOKS = re.compile(r"/(var/lib/(dpkg|apt|systemd)|var/cache/(apt|debconf|ldconfig)|var/log/apt|tmp)"
                   r"(/|$)|/var/log/dpkg\.log$|/etc/(ld\.so\.cache|\.pwd\.lock)$|/proc$")
SERVICE = ("/usr/bin/runhook", "--config", "/etc/runhook/runhook.conf", "serve")


class Service:
    """The service, started as its unit does: with the socket on descriptor 0, as its user."""

    def __init__(self, machine, folder, env=None):
        self.machine = machine
        machine.path("/run/runhook").mkdir(exist_ok=True)
        self.address = machine.path("/run/runhook/runhook.sock")
        self.address.unlink(missing_ok=True)
        self.log = folder / "journal"
        self.log.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self.address))
            listening.listen()
            self.process = Process(machine.command(*SERVICE, user="runhook"), self.log,
                                   stdin=listening, env={**machine.env, **(env or {})})
        self.wait_for("listening")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        # Through the namespaces: what this process has started only waits for it.
        self.machine.try_run("pkill", "--signal", "KILL", "--euid", "runhook")
        self.process.kill()

    def signal(self, name):
        self.machine.run("pkill", "--signal", name, "--euid", "runhook", "--exact", "runhook")

    def events(self, **pairs):
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("time=")]
        return log.matching(log.parse("".join(f"{line}\n" for line in lines)), **pairs)

    def wait_for(self, event, **pairs):
        def found():
            assert self.process.is_running, self.process.output
            return self.events(event=event, **pairs)

        return wait_until(found, f"event={event}")[-1]

    def stop(self):
        self.signal("TERM")
        assert self.process.wait() == 0, self.process.output

    def assert_answers(self):
        with FastCgiConnection(f"unix:{self.address}") as connection:
            answer = connection.request(params_for("GET", "/github/webhook/healthz"))
        assert (answer.status, answer.json["status"]) == (200, "ok")
        with FastCgiConnection(f"unix:{self.address}") as connection:
            answer = connection.post(deliveries.ping(SECRETS["webhook-secret"]))
        assert (answer.status, answer.json["status"]) == (200, "pong")


class FileLogService(Service):
    def __init__(self, machine, folder, log_path):
        self.file = machine.path(log_path)
        super().__init__(machine, folder)

    def events(self, **pairs):
        text = self.file.read_text() if self.file.exists() else ""
        return log.matching(log.parse(text), **pairs)


def fill_in(machine):
    """As a person would: by an editor that keeps the file's mode."""
    for name, value in SECRETS.items():
        with open(machine.path(f"/etc/runhook/{name}"), "w") as file:
            file.write(f"{value}\n")


def stand_in_for_systemctl(machine):
    """As if systemd ran, with a systemctl that only notes what it is told."""
    machine.path("/run/systemd/system").mkdir(parents=True)
    machine.write("/usr/bin/systemctl", '#!/bin/sh\necho "$*" >>/tmp/systemctl.log\n'
                  'case "$*" in *is-enabled*) echo enabled ;; esac\n', 0o755)
    machine.write("/tmp/systemctl.log", "")


def told_systemctl(machine):
    path = machine.path("/tmp/systemctl.log")
    told = path.read_text()
    path.write_text("")
    return told


def differences(before, after):
    return {path for path in before.keys() | after.keys()
            if before.get(path) != after.get(path) and not BOOKS.match(path)}


def test_from_the_installation_to_the_purge(machine, deb, tmp_path):
    shutil.copyfile(deb, machine.path("/tmp/runhook.deb"))
    before = machine.listing()

    # As installed: files, their modes, the account; skipped until the secrets are filled in.
    machine.apt("install", "/tmp/runhook.deb")
    installed = machine.listing()
    for path, want in {
            "/etc/runhook": "d 750 root:runhook",
            "/etc/runhook/runhook.conf": "f 640 root:runhook",
            "/etc/runhook/webhook-secret": "f 640 root:runhook",
            "/etc/runhook/github-token": "f 640 root:runhook",
            "/etc/runhook/nomad-token": "f 640 root:runhook",
            "/var/lib/runhook": "d 750 runhook:runhook",
            "/var/log/runhook": "d 750 runhook:runhook"}.items():
        assert installed[path] == want, path
    assert "/nonexistent:/usr/sbin/nologin" in machine.run("getent", "passwd", "runhook")
    for target, unit in (("sockets", "socket"), ("multi-user", "service")):
        assert f"/etc/systemd/system/{target}.target.wants/runhook.{unit}" in installed
    unready = machine.try_run("runhook", "check", user="runhook")
    assert unready.returncode == 1
    assert "the secret file /etc/runhook/webhook-secret is empty" in unready.stdout

    # Three secrets, and it works: for who asks, and as the unit starts it.
    fill_in(machine)
    assert "the configuration is good" in machine.run("runhook", "check")
    assert "the configuration is good" in machine.run("runhook", "check", user="runhook")
    with Service(machine, tmp_path) as service:
        service.assert_answers()
        service.stop()

    # With secrets of root alone, it has systemd's copies.
    credentials = "/run/credentials/runhook.service"
    for name in SECRETS:
        secret = f"/etc/runhook/{name}"
        machine.run("install", "-D", "-o", "root", "-g", "runhook", "-m", "0440", secret,
                    f"{credentials}/{name}")
        machine.run("chown", "root:root", secret)
        machine.run("chmod", "0600", secret)
    env = {"CREDENTIALS_DIRECTORY": credentials}
    assert machine.try_run("runhook", "check", user="runhook").returncode == 1
    machine.run("runhook", "check")
    machine.run("runhook", "check", user="runhook", env=env)
    with Service(machine, tmp_path, env) as service:
        service.assert_answers()
        fill_in(machine)
        service.signal("HUP")
        service.wait_for("reload", outcome="reloaded")
        assert any("systemctl restart runhook" in event.get("reason", "")
                   for event in service.events(event="reload"))
        service.stop()
    machine.run("rm", "-r", "/run/credentials")

    # An upgrade keeps what was changed, and the socket.
    machine.run("sed", "-i", "s/^#max_runners.*/max_runners = 3/", "/etc/runhook/runhook.conf")
    machine.run("rm", "/etc/runhook/nomad-token")
    changed = machine.path("/etc/runhook/runhook.conf").read_text()
    kept = {path: what for path, what in machine.listing().items()
            if path.startswith(("/etc/runhook", "/var/lib/runhook"))}
    stand_in_for_systemctl(machine)
    machine.run("dpkg", "--install", "/tmp/runhook.deb")
    told = told_systemctl(machine)
    assert "try-restart runhook.service" in told
    assert not re.search(r"stop|(?<![-\w])start runhook\.service", told)
    assert machine.path("/etc/runhook/runhook.conf").read_text() == changed
    assert {path: what for path, what in machine.listing().items()
            if path.startswith(("/etc/runhook", "/var/lib/runhook"))} == kept

    # Where the policy says that nothing is started, nothing is.
    machine.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    machine.run("dpkg", "--install", "/tmp/runhook.deb")
    assert not re.search(r"\bstart\b|restart", told_systemctl(machine))
    machine.run("rm", "/usr/sbin/policy-rc.d")

    # Removed, it is stopped, and its configuration is kept.
    machine.run("dpkg", "--remove", "runhook")
    assert "stop runhook.socket runhook.service" in told_systemctl(machine)
    assert machine.path("/etc/runhook/runhook.conf").read_text() == changed

    # Installed again, it is started as at first: there is nothing that could be started again.
    machine.run("dpkg", "--install", "/tmp/runhook.deb")
    assert re.search(r"(?<![-\w])start runhook\.service", told_systemctl(machine))
    machine.run("dpkg", "--remove", "runhook")
    machine.run("rm", "-r", "/usr/bin/systemctl", "/run/systemd", "/run/runhook")
    machine.run("dpkg", "--install", "/tmp/runhook.deb")
    assert machine.listing()["/etc/runhook/runhook.conf"] == "f 640 root:runhook"

    # Purged, the ledger is left, and the account that owns it.
    machine.run("dpkg", "--purge", "runhook")
    left = differences(before, machine.listing()) - ACCOUNT
    assert {path for path in left if not path.startswith("/var/lib/runhook")} == set()
    assert "/var/lib/runhook/ledger.db" in left

    # And without a ledger nothing at all.
    machine.run("rm", "-r", "/var/lib/runhook")
    machine.run("dpkg", "--install", "/tmp/runhook.deb")
    machine.run("dpkg", "--purge", "runhook")
    assert differences(before, machine.listing()) - ACCOUNT == set()


def test_the_log_is_rotated(machine, deb, tmp_path):
    shutil.copyfile(deb, machine.path("/tmp/runhook.deb"))
    machine.run("dpkg", "--install", "/tmp/runhook.deb")
    fill_in(machine)
    machine.run("sed", "-i", "s/^#log_file/log_file/", "/etc/runhook/runhook.conf")
    assert "error" not in machine.run("logrotate", "--debug", "/etc/logrotate.d/runhook")
    log_path, old_path = "/var/log/runhook/runhook.log", "/var/log/runhook/runhook.log.1"
    with FileLogService(machine, tmp_path, log_path) as service:
        service.assert_answers()
        machine.run("logrotate", "--force", "/etc/logrotate.d/runhook")
        service.wait_for("reload", outcome="reloaded")
        assert "event=listening" in machine.path(old_path).read_text()
        assert "event=listening" not in machine.path(log_path).read_text()
        assert machine.listing()[log_path] == "f 640 runhook:runhook"
        service.assert_answers()
        service.stop()
    machine.run("dpkg", "--purge", "runhook")
    machine.run("rm", "-r", "/var/lib/runhook")


# -- from source ----------------------------------------------------------------------------------

def test_an_installation_from_source_stays_below_its_prefix(build, tmp_path):
    prefix = tmp_path / "local"
    run("cmake", "--install", build, "--prefix", prefix, env={"DESTDIR": ""})
    assert {path.name for path in prefix.iterdir()} == {"bin", "include", "lib", "share"}
    assert run(prefix / "bin/runhook", "version").startswith("runhook ")
    installed = (build / "install_manifest.txt").read_text().split()
    assert all(path.startswith(f"{prefix}/") for path in installed)
    for name in ("lib/systemd/system/runhook.service", "lib/systemd/system/runhook.socket",
                 "lib/sysusers.d/runhook.conf", "share/man/man5/runhook.conf.5",
                 "share/doc/runhook/examples/runhook.conf", "share/doc/runhook/nginx/runhook.conf"):
        assert (prefix / name).is_file(), name
    for path in (prefix / "lib").rglob("pkgconfig"):
        assert run("pkg-config", "--cflags", "runhook", env={"PKG_CONFIG_PATH": str(path)})
