"""A FastCGI client that speaks to runhook's socket without a web server between, so that it can say
what no web server would: a CONTENT_LENGTH that is wrong, a body that never ends, a connection that
is kept and left idle. Protocol: the FastCGI Specification 1.0."""

import fcntl
import socket
import struct
import termios

from .http_client import Answer
from .waiting import SLOWNESS, wait_until

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
RESPONDER = 1
KEEP_CONN = 1
SIOCOUTQ = termios.TIOCOUTQ


class FastCgiAnswer(Answer):
    """`ended` is False when the connection was closed before the request's end."""

    def __init__(self, stdout, stderr, app_status, protocol_status, ended):
        head, separator, body = stdout.partition(b"\r\n\r\n")
        pairs = [(name.lower(), value.strip()) for name, _, value in
                 (line.partition(":") for line in head.decode("latin-1").split("\r\n") if line)]
        status = 200 if separator else 0
        for name, value in pairs:
            if name == "status":
                status = int(value.split(" ")[0])
        super().__init__(status, pairs, body)
        self.stderr = stderr
        self.app_status = app_status
        self.protocol_status = protocol_status
        self.ended = ended


def record(kind, content, request_id=1):
    padding = -len(content) % 8
    return struct.pack("!BBHHBx", 1, kind, request_id, len(content),
                       padding) + content + bytes(padding)


def stream(kind, content, request_id=1):
    """The content in records of at most 65,535 bytes, without the empty one that ends it."""
    return b"".join(record(kind, content[start:start + 65535], request_id)
                    for start in range(0, len(content), 65535))


def name_value_pairs(pairs):
    def length(size):
        return bytes([size]) if size < 128 else struct.pack("!I", size | 0x80000000)

    result = b""
    for name, value in pairs.items():
        name, value = name.encode("latin-1"), value.encode("latin-1")
        result += length(len(name)) + length(len(value)) + name + value
    return result


def params_for(method="POST", path="/github/webhook", headers=None, content_length=None, **extra):
    """The CGI variables that nginx would send."""
    result = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "test",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": method,
        "REQUEST_URI": path,
        "DOCUMENT_URI": path,
        "SCRIPT_NAME": path,
        "QUERY_STRING": "",
    }
    if content_length is not None:
        result["CONTENT_LENGTH"] = str(content_length)
    for name, value in (headers or {}).items():
        variable = name.upper().replace("-", "_")
        if variable != "CONTENT_TYPE":
            variable = f"HTTP_{variable}"
        result[variable] = value
    result.update(extra)
    return {name: value for name, value in result.items() if value is not None}


class FastCgiConnection:
    def __init__(self, address, timeout_s=20.0):
        """`address` as runhook logs it: unix:PATH or HOST:PORT."""
        timeout_s *= SLOWNESS
        if address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(timeout_s)
            self.sock.connect(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            self.sock = socket.create_connection((host, int(port)), timeout_s)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def begin(self, params, *, keep=False, request_id=1):
        self.send(record(BEGIN_REQUEST, struct.pack("!HB5x", RESPONDER, KEEP_CONN if keep else 0),
                         request_id)
                  + stream(PARAMS, name_value_pairs(params), request_id)
                  + record(PARAMS, b"", request_id))

    def stdin(self, data, request_id=1):
        self.send(stream(STDIN, data, request_id))

    def end_stdin(self, request_id=1):
        self.send(record(STDIN, b"", request_id))

    def request(self, params, body=b"", *, keep=False, request_id=1):
        self.begin(params, keep=keep, request_id=request_id)
        try:
            self.stdin(body, request_id)
            self.end_stdin(request_id)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before the whole body was read
        return self.read_answer(request_id)

    def post(self, delivery, *, keep=False, request_id=1, headers=None, **params):
        return self.request(
            params_for(headers=headers or delivery.headers(), **{
                "content_length": len(delivery.body), **params}),
            delivery.body, keep=keep, request_id=request_id)

    def wait_until_read(self):
        """Waits until the program has taken in everything that was sent."""
        def unread():
            return struct.unpack("i", fcntl.ioctl(self.sock, SIOCOUTQ, bytes(4)))[0]

        wait_until(lambda: unread() == 0, "the program reads what was sent")

    def _exactly(self, length):
        while len(self.buffer) < length:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buffer += data
        result, self.buffer = self.buffer[:length], self.buffer[length:]
        return result

    def read_record(self):
        """(type, request id, content), or None at the end of the connection."""
        try:
            header = self._exactly(8)
            if header is None:
                return None
            version, kind, request_id, length, padding = struct.unpack("!BBHHBx", header)
            assert version == 1, f"FastCGI version {version}"
            content = self._exactly(length + padding)
        except ConnectionResetError:
            return None
        return None if content is None else (kind, request_id, content[:length])

    def read_answer(self, request_id=1):
        stdout, stderr = b"", b""
        while True:
            got = self.read_record()
            if got is None:
                return FastCgiAnswer(stdout, stderr, None, None, False)
            kind, got_id, content = got
            assert got_id == request_id, f"an answer to request {got_id}, asked was {request_id}"
            if kind == STDOUT:
                stdout += content
            elif kind == STDERR:
                stderr += content
            elif kind == END_REQUEST:
                app_status, protocol_status = struct.unpack("!IB3x", content)
                return FastCgiAnswer(stdout, stderr, app_status, protocol_status, True)

    @property
    def is_closed_by_peer(self):
        """Whether the program has closed its side; nothing may be left to read."""
        self.sock.setblocking(False)
        try:
            return self.sock.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.sock.settimeout(20 * SLOWNESS)
