"""Web servers in front of runhook, set up with the files that the project ships: nginx/*.conf and
examples/lighttpd/*.conf, with this site's paths in place of the installed ones.

Each web server inherits a listening socket that is bound already, so that no port is guessed.
"""

import contextlib
import os
import re
import shutil
import socket
import sys
from pathlib import Path

from .http_client import HttpClient
from .waiting import wait_until

PROJECT = Path(__file__).resolve().parents[3]
HOOK_PATH = "/github/webhook"
HEALTH_PATH = "/github/webhook/healthz"
LARGE_BODIES = 32 * 1024 * 1024

# nginx takes the numbers of inherited sockets from NGINX; of LISTEN_FDS, which lighttpd reads, they
# are 3 and up, and LISTEN_PID its own pid: a launcher that becomes the web server sees to both.
LAUNCHER = """
import fcntl, os, sys
apart = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1].split(",")]
for number, fd in enumerate(apart, 3):
    os.dup2(fd, number)
    os.close(fd)
os.environ.update(NGINX="".join(f"{number};" for number in range(3, 3 + len(apart))),
                  LISTEN_FDS=str(len(apart)), LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Front:
    """A web server with runhook behind it. `client` sends requests to it."""

    program = ""

    def __init__(self, site, *, large_bodies=True, env=None):
        """`large_bodies` raises the web server's own limit, so that runhook's is what is met."""
        self.site = site
        self.large_bodies = large_bodies
        self.env = env
        self.web = None
        self.backend = None  # the runhook process, where the web server does not start it
        self.listeners = []
        self.address = self.listen()
        self.client = HttpClient(self.address)

    def listen(self):
        """Another socket for the web server; returns its address."""
        self.listeners.append(socket.create_server(("127.0.0.1", 0), backlog=1024))
        return "127.0.0.1:%d" % self.listeners[-1].getsockname()[1]

    def start(self):
        self.backend = self.start_backend()
        config = self.site.directory / f"{self.program}.conf"
        config.write_text(self.web_config())
        numbers = [listener.fileno() for listener in self.listeners]
        self.web = self.site.start(
            [sys.executable, "-c", LAUNCHER, ",".join(map(str, numbers)),
             *self.web_command(config)], self.program, pass_fds=numbers)
        self.close_listeners()
        self.wait_until_ready()

    def close_listeners(self):
        for listener in self.listeners:
            listener.close()

    def stop(self):
        self.close_listeners()
        if self.web is not None and self.web.is_running:
            self.web.stop()
        if self.backend is not None and self.backend.is_running:
            self.backend.stop()

    def start_backend(self):
        return None

    def web_config(self):
        raise NotImplementedError

    def web_command(self, config):
        raise NotImplementedError

    def wait_until_ready(self):
        def ready():
            if not self.web.is_running:
                raise AssertionError(f"{self.program} ended: {self.web.output}")
            with contextlib.suppress(OSError):
                answer = self.get(HEALTH_PATH)
                return answer if answer.status == 200 else None

        wait_until(ready, f"{HEALTH_PATH} answers 200 through {self.program}", 20)

    def get(self, path, **options):
        return self.client.request("GET", path, **options)

    def post(self, delivery, *, connection=None, path=HOOK_PATH, body=None, **header_changes):
        """Posts a delivery; `header_changes` as for Delivery.headers."""
        return self.client.request("POST", path, delivery.body if body is None else body,
                                   delivery.headers(**header_changes), connection=connection)


def replaced(text, **changes):
    """The text with each key of `changes` (a quoted pattern) replaced, at least once each."""
    for old, new in changes.items():
        assert old in text, f"the shipped file has no {old!r} any more"
        text = text.replace(old, str(new))
    return text


def without_comments(text):
    return "".join(line for line in text.splitlines(keepends=True)
                   if not line.lstrip().startswith("#"))


class Nginx(Front):
    """nginx, and runhook on a unix socket."""

    program = "nginx"
    worker_connections = 512

    def start_backend(self):
        self.socket = f"unix:{self.site.directory}/runhook.sock"
        return self.site.serve_socket(self.socket, env=self.env)

    def shipped(self, name):
        """One of the project's files, changed to this site's paths."""
        text = (PROJECT / "nginx" / name).read_text()
        if name == "runhook-http.conf":
            text = replaced(text, **{"unix:/run/runhook/runhook.sock": self.backend.address})
        if name == "runhook.conf" and self.large_bodies:
            text = replaced(text, **{"client_max_body_size 1m;":
                                     f"client_max_body_size {LARGE_BODIES};"})
        return text

    def servers(self, folder):
        """What stands beside the shipped files in the http block."""
        return f"""    server {{
        listen {self.address};
        include {folder}/runhook.conf;
    }}"""

    def web_config(self):
        folder = self.site.directory / "nginx"
        folder.mkdir()
        for name in ("runhook-http.conf", "runhook-hook-addresses.conf", "runhook.conf"):
            (folder / name).write_text(self.shipped(name))
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "\n".join(f"    {kind}_temp_path {folder}/{kind};" for kind in
                              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # fastcgi_params is found beside the main configuration file.
        shutil.copy("/etc/nginx/fastcgi_params", self.site.directory)
        return f"""{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {self.site.directory}/nginx-error.log info;
events {{ worker_connections {self.worker_connections}; }}
http {{
    access_log off;
{temporary}
    include {folder}/runhook-http.conf;
    include {folder}/runhook-hook-addresses.conf;
{self.servers(folder)}
}}
"""

    def web_command(self, config):
        return ["nginx", "-p", self.site.directory, "-c", config,
                "-e", self.site.directory / "nginx-error.log"]


class NginxClosing(Nginx):
    """A connection to runhook for every request."""

    def shipped(self, name):
        text = super().shipped(name)
        return text.replace("fastcgi_keep_conn on;", "fastcgi_keep_conn off;")


class NginxTcp(Nginx):
    """nginx, and runhook on a TCP port of its own choice."""

    def start_backend(self):
        return self.site.serve_socket("127.0.0.1:0", env=self.env)


class SpawnFcgi(Nginx):
    """nginx, and runhook on descriptor 0, as spawn-fcgi and systemd sockets start it."""

    def start_backend(self):
        self.path = self.site.directory / "spawned.sock"
        process = self.site.start(
            ["spawn-fcgi", "-n", "-s", self.path, "-M", "0600", "--",
             self.site.runhook, "serve", "--config", self.site.config_path],
            "runhook", env=self.env)
        process.address = f"unix:{self.path}"
        wait_until(self.path.exists, "spawn-fcgi makes its socket")
        return process


class Lighttpd(Front):
    program = "lighttpd"
    shipped = ""

    def changes(self):
        """Strings of the shipped file and what stands in their place here."""
        return {"/usr/local/bin/runhook": self.site.runhook,
                "/etc/runhook/runhook.conf": self.site.config_path,
                "/etc/lighttpd/runhook": self.included,
                "/var/log/lighttpd/runhook.log": self.site.directory / "breakage.out"}

    @property
    def included(self):
        """The folder that stands for /etc/lighttpd/runhook."""
        return self.site.directory / "lighttpd"

    def write_included(self):
        text = (PROJECT / "examples/lighttpd/access.conf").read_text()
        changes = {"/etc/lighttpd/runhook": self.included}
        if self.large_bodies:
            changes["server.max-request-size = 1024"] = (
                f"server.max-request-size = {LARGE_BODIES // 1024}")
        self.included.mkdir()
        (self.included / "access.conf").write_text(replaced(text, **changes))

    def web_config(self):
        shipped = (PROJECT / "examples/lighttpd" / self.shipped).read_text()
        # A file that Debian's own configuration would include has commands in its comments.
        code = without_comments(shipped)
        port = self.address.rpartition(":")[2]
        self.write_included()
        uploads = self.site.directory / "uploads"
        uploads.mkdir()
        return f"""server.document-root = "{self.site.directory}/www"
server.bind = "127.0.0.1"
server.port = {port}
server.systemd-socket-activation = "enable"
server.errorlog = "{self.site.directory}/lighttpd-error.log"
server.upload-dirs = ( "{uploads}" )
server.modules = ()
{replaced(code, **self.changes())}
"""

    def web_command(self, config):
        (self.site.directory / "www").mkdir()
        return ["lighttpd", "-D", "-f", config]


class LighttpdFastCgi(Lighttpd):
    """lighttpd starts four `runhook serve` and hands each its socket as descriptor 0."""

    shipped = "fastcgi.conf"
    process_count = 4

    def changes(self):
        return {**super().changes(),
                "/run/lighttpd/runhook.socket": self.site.directory / "lighttpd.sock"}

    def web_config(self):
        text = super().web_config()
        assert re.search(r'"max-procs" => 4', text)
        return text


class LighttpdCgi(Lighttpd):
    """lighttpd starts runhook for every request."""

    shipped = "cgi.conf"


FRONTS = {
    "nginx": Nginx,
    "nginx_closing": NginxClosing,
    "nginx_tcp": NginxTcp,
    "spawn_fcgi": SpawnFcgi,
    "lighttpd_fastcgi": LighttpdFastCgi,
    "lighttpd_cgi": LighttpdCgi,
}
