"""A clean Debian 12 in a folder, made by debootstrap, to install packages in.

It lives on a tmpfs in namespaces of its own: its mounts are seen by nobody else, and they and every
process in it are gone when its first process ends, which it does when this one does. What
debootstrap made is kept beside the build, for the next run. As a program, with that file's name, it
only makes the file: tests/run has that done while other tests run.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .processes import children_of, environment, reap_orphans
from .waiting import SLOWNESS, wait_until

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# How the host's apt reaches its archives.
APT = ("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/apt.conf", "etc/apt/apt.conf.d",
       "etc/apt/keyrings", "etc/apt/trusted.gpg", "etc/apt/trusted.gpg.d", "etc/apt/auth.conf",
       "etc/apt/auth.conf.d", "etc/apt/preferences", "etc/apt/preferences.d",
       "usr/share/keyrings", "etc/resolv.conf", "etc/hosts", "var/lib/apt/lists")


def why_not():
    """Why no root can be made here; empty where one can."""
    if os.geteuid() != 0:
        return "only root can make one: run the tests as root"
    if not Path("/etc/debian_version").exists() or SUITE not in Path("/etc/os-release").read_text():
        return f"the package is built here, for this system, which is not Debian {SUITE}"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed: tests/install-packages test"
    probe = subprocess.run(["unshare", *NAMESPACES, "mount", "-t", "tmpfs", "probe", "/mnt"],
                           capture_output=True, text=True)
    if probe.returncode != 0:
        return f"mounting is not permitted: {probe.stderr.strip()}"
    return ""


def mirror():
    """Where the host's apt has this Debian from."""
    lines = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)",
         "Created-By: Packages"], capture_output=True, text=True).stdout.splitlines()
    for codename, component, uri in (line.split() for line in lines if len(line.split()) == 3):
        if (codename, component) == (SUITE, "main") and uri.startswith("http"):
            return uri.rstrip("/")
    return MIRROR


class DebianRoot:
    def __init__(self, directory, cache):
        """`directory`: an empty one, over which the root is mounted; `cache`: a file that holds what
        debootstrap made, or will."""
        self.directory = Path(directory)
        self.cache = Path(cache).resolve()
        self.env = {"PATH": PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
                    **{name: os.environ[name] for name in PROXIES if name in os.environ}}
        self.log = []  # (command, output) of each, for a failure's report
        self.holder = subprocess.Popen(
            ["unshare", *NAMESPACES, "sh", "-ec",
             'mount -t tmpfs -o mode=0755 runhook-root "$1"; mount -t proc proc /proc; echo ready; '
             "exec cat >/dev/null", "sh", str(self.directory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
        assert self.holder.stdout.readline() == b"ready\n"
        self.first = wait_until(lambda: children_of(self.holder.pid), "the namespaces' process")[0]

    def close(self):
        self.holder.stdin.close()
        self.holder.stdout.close()
        # What was left in there is killed, and is a child of this process (see become_subreaper):
        # until it is reaped, the namespaces are not gone.
        reap_orphans({self.holder.pid})
        self.holder.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # -- files --------------------------------------------------------------------------------

    def path(self, name):
        """A file of it, as this process reaches it."""
        return Path(f"/proc/{self.first}/root{self.directory}/{str(name).lstrip('/')}")

    def write(self, name, text, mode=None):
        path = self.path(name)
        path.write_text(text)
        if mode is not None:
            path.chmod(mode)

    def listing(self):
        """Every file by its path: type, mode and owner."""
        lines = self.run("find", "/", "-xdev", "-printf", r"%p\t%y %m %u:%g\n").splitlines()
        return dict(line.split("\t") for line in lines)

    # -- commands -----------------------------------------------------------------------------

    def enter(self, *command):
        """The command that runs this one in the namespaces, outside of the root."""
        return ["nsenter", "--target", str(self.first), "--mount", "--pid", "--", *map(str, command)]

    def command(self, *command, user=None):
        """The command that runs this one in the root."""
        as_user = () if user is None else ("setpriv", "--reuid", user, "--regid", user,
                                           "--init-groups", "--no-new-privs")
        return self.enter("chroot", self.directory, *as_user, *command)

    def _call(self, command, *, check, env=None, stdin=""):
        done = subprocess.run(command, input=stdin, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**self.env, **(env or {})},
                              timeout=600 * SLOWNESS)
        self.log.append((command, done.stdout))
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n"
                                 f"{done.stdout[-4000:]}")
        return done

    def run(self, *command, user=None, env=None, stdin=""):
        """Runs it in the root, to a good end; returns what it printed."""
        return self._call(self.command(*command, user=user), check=True, env=env,
                          stdin=stdin).stdout

    def try_run(self, *command, user=None, env=None):
        """Likewise, to any end."""
        return self._call(self.command(*command, user=user), check=False, env=env)

    # -- the root -----------------------------------------------------------------------------

    def make(self):
        """Puts Debian's smallest system there, and has its apt reach what the host's does."""
        self.cache.parent.mkdir(parents=True, exist_ok=True)
        with open(self.cache.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # who comes second finds what the first has made
            if self.cache.exists():
                self._call(self.enter("tar", "--extract", "--numeric-owner", "--file", self.cache,
                                      "--directory", self.directory), check=True)
            else:
                self._bootstrap()
        for name in APT:
            source, target = Path("/", name), self.path(name)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True, symlinks=False,
                                ignore=shutil.ignore_patterns("partial", "lock"))
            elif source.exists():
                target.unlink(missing_ok=True)
                shutil.copyfile(source, target)
        self._call(self.enter("mount", "-t", "proc", "proc", self.directory / "proc"), check=True)

    def _bootstrap(self):
        self._call(self.enter("debootstrap", "--variant=minbase", SUITE, self.directory, mirror()),
                   check=True)
        new = self.cache.with_suffix(".new")
        self._call(self.enter("tar", "--create", "--one-file-system", "--exclude=./proc/*",
                              "--exclude=./var/cache/apt/archives/*.deb",
                              "--file", new, "--directory", self.directory, "."), check=True)
        new.replace(self.cache)

    def apt(self, *arguments):
        """apt-get with the host's lists or, where these are too old or not there, with new ones."""
        command = ("apt-get", "--yes", "--no-install-recommends", "-o", "Acquire::Retries=3",
                   "-o", "Dpkg::Use-Pty=0", "-o", "Dir::Cache::pkgcache=pkgcache.bin",
                   "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin", *arguments)
        done = self.try_run(*command)
        if done.returncode != 0:
            self.try_run("apt-get", "update")  # one of several archives may be out of reach
            return self.run(*command)
        return done.stdout


def main(cache):
    if why_not() or Path(cache).exists():
        return
    with tempfile.TemporaryDirectory(prefix="runhook-root-") as folder:
        with DebianRoot(folder, cache) as root:
            root.make()


if __name__ == "__main__":
    main(sys.argv[1])
