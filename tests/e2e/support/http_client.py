"""Requests to the web server in front of runhook."""

import http.client
import json
import socket
import subprocess

from .processes import environment
from .waiting import SLOWNESS


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # (name in lower case, value) pairs
        self.body = body

    def header(self, name):
        for key, value in self.headers:
            if key == name.lower():
                return value
        return None

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class HttpClient:
    """A client of one address: HOST:PORT, or unix:PATH. Every request has its own connection
    unless it comes from connect()."""

    def __init__(self, address):
        self.address = address

    def connect(self, timeout_s=20.0):
        timeout_s *= SLOWNESS
        if self.address.startswith("unix:"):
            connection = http.client.HTTPConnection("localhost", timeout=timeout_s)
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(timeout_s)
            connection.sock.connect(self.address.removeprefix("unix:"))
            return connection
        return http.client.HTTPConnection(self.address, timeout=timeout_s)

    def request(self, method, path, body=None, headers=None, *, connection=None, timeout_s=20.0):
        kept = connection is not None
        connection = connection or self.connect(timeout_s)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            pairs = [(name.lower(), value) for name, value in response.getheaders()]
            return Answer(response.status, pairs, response.read())
        finally:
            if not kept:
                connection.close()

    def curl(self, path, body, headers, timeout_s=20.0):
        """The same with the curl program."""
        command = ["curl", "--silent", "--show-error", "--max-time", str(timeout_s * SLOWNESS),
                   "--include", "--data-binary", "@-"]
        for name, value in headers.items():
            command += ["--header", f"{name}: {value}"]
        if self.address.startswith("unix:"):
            command += ["--unix-socket", self.address.removeprefix("unix:"),
                        f"http://localhost{path}"]
        else:
            command.append(f"http://{self.address}{path}")
        done = subprocess.run(command, input=body, capture_output=True, env=environment(),
                              check=True)
        raw = done.stdout
        while True:
            head, _, raw = raw.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
            if status >= 200:
                break
        pairs = [(name.lower(), value.strip()) for name, _, value in
                 (line.partition(":") for line in lines[1:])]
        return Answer(status, pairs, raw)
