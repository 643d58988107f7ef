"""The complete servers that the project ships, as they face the internet: with TLS, and behind a
tunnel or a proxy. A test is the proxy, and says in its header where a request comes from."""

import asyncio
import contextlib
import http.client
import resource
import socket
import ssl
import time

from .fronts import PROJECT, Lighttpd, LighttpdFastCgi, Nginx, replaced, without_comments
from .http_client import Answer, HttpClient
from .waiting import SLOWNESS

NAME = "runhook.example.org"
GITHUB = "140.82.115.7"
GITHUB_IPV6 = "2606:50c0:8000::153"
STRANGER = "203.0.113.9"
STRANGER_IPV6 = "2001:db8::9"
REAL_ADDRESS = "CF-Connecting-IP"


def allow_descriptors(count=16384):
    """For this process, whose burst has a connection a delivery, and for the servers that it
    starts: as worker_rlimit_nofile of README.md."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        count = min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


class TlsClient(HttpClient):
    """Speaks TLS to an address, and knows it by NAME."""

    def __init__(self, address, ca_file):
        super().__init__(address)
        self.context = ssl.create_default_context(cafile=ca_file)

    def connect(self, timeout_s=20.0):
        host, port = self.address.split(":")
        plain = socket.create_connection((host, int(port)), timeout_s * SLOWNESS)
        connection = http.client.HTTPConnection(NAME, timeout=timeout_s * SLOWNESS)
        connection.sock = self.context.wrap_socket(plain, server_hostname=NAME)
        return connection


class BalancerClient(HttpClient):
    """A load balancer, which passes TCP on and `says` in the PROXY protocol for whom."""

    says = "127.0.0.1"

    def connect(self, timeout_s=20.0):
        connection = super().connect(timeout_s)
        connection.connect()
        connection.sock.sendall(f"PROXY TCP4 {self.says} 127.0.0.1 4711 443\r\n".encode())
        return connection


class Edge:
    """What both web servers' have in common. `certificates` are the server's own, in the two that
    have TLS; `addresses` says whether GitHub's were asked for."""

    form = ""

    def __init__(self, site, *, certificates=None, addresses=True, changes=None):
        allow_descriptors()
        super().__init__(site, large_bodies=False)
        self.certificates = certificates
        self.has_addresses = addresses
        self.more_changes = changes or {}
        self.plain = None  # a client of port 80, where there is one
        if certificates is not None:
            self.client = TlsClient(self.address, certificates.ca)
            self.plain = HttpClient(self.listen())

    def fetch_addresses(self):
        done = self.site.run("hooks", "addresses", f"--{self.form}", "--output",
                             self.addresses_path)
        assert done.code == 0, done
        return done.stdout.strip()

    def seen_from(self, address, method, path, delivery=None, **options):
        """A request that the proxy passes on for somebody at this address."""
        headers = delivery.headers() if delivery else {}
        return self.client.request(method, path, delivery.body if delivery else None,
                                   {**headers, REAL_ADDRESS: address}, **options)

    def asked_from(self, address, method, path):
        """The same without a body, its path as it is: no library makes another of it."""
        with contextlib.closing(self.client.connect()) as connection:
            connection.putrequest(method, path, skip_host=True)
            for name, value in (("Host", NAME), (REAL_ADDRESS, address), ("Content-Length", "0")):
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, [], response.read())

    def deliver_from(self, address, delivery, path="/github/webhook"):
        return self.seen_from(address, "POST", path, delivery)

    def certificate_changes(self):
        if self.certificates is None:
            return {}
        folder = f"/etc/letsencrypt/live/{NAME}"
        return {f"{folder}/fullchain.pem": self.certificates.server_cert,
                f"{folder}/privkey.pem": self.certificates.server_key}


class NginxEdge(Edge, Nginx):
    form = "nginx"
    worker_connections = 4096  # as README.md says
    server = ""

    @property
    def addresses_path(self):
        return self.site.directory / "nginx/runhook-hook-addresses.conf"

    def servers(self, folder):
        if self.has_addresses:
            self.fetch_addresses()
        text = (PROJECT / "nginx" / self.server).read_text()
        changes = {"/etc/nginx/snippets": folder, "/var/log/nginx": self.site.directory,
                   **self.listens(), **self.certificate_changes()}
        return replaced(text, **changes)

    def shipped(self, name):
        text = super().shipped(name)
        return replaced(text, **self.more_changes.get(name, {}))


class NginxTls(NginxEdge):
    server = "server.conf"

    def listens(self):
        folder = self.site.directory
        return {"listen 80;": f"listen {self.plain.address};", "listen [::]:80;": "",
                "listen 443 ssl;": f"listen {self.address} ssl;",
                "listen [::]:443 ssl;": f"listen unix:{folder}/ipv6.sock ssl;",
                "/var/www/acme": folder / "acme"}


class NginxBehindProxy(NginxEdge):
    server = "server-behind-proxy.conf"

    def listens(self):
        return {"listen 127.0.0.1:8080;": f"listen {self.address};",
                "listen [::1]:8080;": f"listen unix:{self.site.directory}/ipv6.sock;"}


class NginxBehindReverseProxy(NginxBehindProxy):
    """As the file's comments say it."""

    says = ["real_ip_header X-Forwarded-For;", "real_ip_recursive on;"]

    def listens(self):
        commented = (PROJECT / "nginx" / self.server).read_text()
        assert all(f"#     {line}" in commented for line in self.says)
        return {**super().listens(), "real_ip_header CF-Connecting-IP;": "\n".join(self.says)}


class NginxBehindBalancer(NginxBehindReverseProxy):
    says = ["real_ip_header proxy_protocol;"]

    def __init__(self, site, **options):
        super().__init__(site, **options)
        self.client = BalancerClient(self.address)

    def listens(self):
        changes = super().listens()
        changes["listen 127.0.0.1:8080;"] = f"listen {self.address} proxy_protocol;"
        return changes


class LighttpdEdge(Edge, LighttpdFastCgi):
    form = "lighttpd"
    server = ""

    @property
    def addresses_path(self):
        return self.included / "hook-addresses.conf"

    def write_included(self):
        super().write_included()
        if self.has_addresses:
            self.fetch_addresses()

    def web_config(self):
        folder = self.site.directory
        (folder / "uploads").mkdir()
        (folder / "conf-enabled").mkdir()
        self.write_included()
        shipped = (PROJECT / "examples/lighttpd" / self.shipped).read_text()
        (folder / "conf-enabled/50-runhook.conf").write_text(
            replaced(without_comments(shipped), **self.changes()))
        text = without_comments((PROJECT / "examples/lighttpd" / self.server).read_text())
        text = replaced(text, **{
            "/etc/lighttpd": folder, "/var/log/lighttpd/error.log": folder / "lighttpd-error.log",
            "/var/cache/lighttpd/uploads": folder / "uploads",
            "/run/lighttpd.pid": folder / "lighttpd.pid",
            'server.username = "www-data"\n': "", 'server.groupname = "www-data"\n': "",
            **self.listens(), **self.certificate_changes(), **self.more_changes})
        return text + 'server.systemd-socket-activation = "enable"\n'

    def port(self):
        return self.address.rpartition(":")[2]


class LighttpdTls(LighttpdEdge):
    server = "server.conf"

    def listens(self):
        folder = self.site.directory
        host, port = self.plain.address.split(":")
        return {"server.port = 80\n": f'server.bind = "{host}"\nserver.port = {port}\n',
                '$SERVER["socket"] == "[::]:80" { }\n': "",
                '"[::]:443"': f'"{folder}/ipv6.sock"', '":443"': f'"{self.address}"',
                "/var/www/acme": folder / "www"}


class LighttpdBehindProxy(LighttpdEdge):
    server = "behind-proxy.conf"

    def listens(self):
        return {"server.port = 8080": f"server.port = {self.port()}",
                '"[::1]:8080"': f'"{self.site.directory}/ipv6.sock"',
                "/var/www/html": self.site.directory / "www"}


class LighttpdCgiBehindProxy(LighttpdBehindProxy):
    shipped = "cgi.conf"

    def changes(self):
        return Lighttpd.changes(self)


class LighttpdServiceBehindProxy(LighttpdBehindProxy):
    """lighttpd, and a runhook that something else keeps running."""

    shipped = "service.conf"

    def start_backend(self):
        return self.site.serve_socket(env=self.env)

    def changes(self):
        return {"/run/runhook/runhook.sock": self.backend.address.removeprefix("unix:"),
                "/etc/lighttpd/runhook": self.included}


class LighttpdBehindReverseProxy(LighttpdBehindProxy):
    """As the file's comments say it, but for the proxy's address."""

    says = ['extforward.forwarder = ( "192.0.2.10" => "trust" )',
            'extforward.headers = ( "X-Forwarded-For" )']

    def listens(self):
        commented = (PROJECT / "examples/lighttpd" / self.server).read_text()
        assert all(f"#     {line}\n" in commented for line in self.says)
        return {**super().listens(), 'extforward.headers = ( "CF-Connecting-IP" )': self.says[1]}


class LighttpdBehindBalancer(LighttpdBehindReverseProxy):
    says = [LighttpdBehindReverseProxy.says[0], 'extforward.hap-PROXY = "enable"']

    def __init__(self, site, **options):
        super().__init__(site, **options)
        self.client = BalancerClient(self.address)


BEHIND_REVERSE_PROXY = {"nginx": NginxBehindReverseProxy, "lighttpd": LighttpdBehindReverseProxy}
BEHIND_BALANCER = {"nginx": NginxBehindBalancer, "lighttpd": LighttpdBehindBalancer}
BEHIND_PROXY = {"nginx": NginxBehindProxy, "lighttpd": LighttpdBehindProxy}
WITH_TLS = {"nginx": NginxTls, "lighttpd": LighttpdTls}


def is_runhooks(answer):
    """Whether the answer is runhook's own, and not the web server's."""
    return answer.body.startswith(b"{")


def post_at_once(edge, address, deliveries):
    """Opens a connection for every delivery, then sends them all at the same moment; returns the
    statuses, 0 where the connection broke, and how long it took."""
    host, port = edge.address.split(":")

    async def connect():
        return await asyncio.open_connection(host, int(port))

    async def post(streams, delivery):
        reader, writer = streams
        head = [f"POST /github/webhook HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n"
                f"{REAL_ADDRESS}: {address}\r\nContent-Length: {len(delivery.body)}\r\n"]
        head += [f"{name}: {value}\r\n" for name, value in delivery.headers().items()]
        writer.write("".join(head).encode() + b"\r\n" + delivery.body)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
        writer.close()
        return int(answer.split(b" ", 2)[1]) if answer else 0

    async def all_of_them():
        streams = await asyncio.gather(*(connect() for _ in deliveries))
        began = time.monotonic()
        statuses = await asyncio.gather(*map(post, streams, deliveries))
        return statuses, time.monotonic() - began

    return asyncio.run(all_of_them())
