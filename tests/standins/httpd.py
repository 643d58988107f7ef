"""A strict HTTP/1.1 server for the stand-ins: one thread a connection, keep-alive, TCP, TLS or a
unix socket. It keeps every request that arrived whole, and it can be told to misbehave (faults.py).

http.server is not used because a fault has to reach the socket: resets, half an answer, an answer
that drips, a listening socket that is closed while its port is kept.
"""

import contextlib
import json
import os
import re
import select
import socket
import ssl
import struct
import threading
import time
import urllib.parse

from .faults import FaultPlan

MAX_HEAD_LEN = 64 * 1024
MAX_BODY_LEN = 32 * 1024 * 1024
IDLE_TIMEOUT_S = 60.0

REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 302: "Found",
    304: "Not Modified", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    409: "Conflict", 413: "Payload Too Large", 415: "Unsupported Media Type",
    422: "Unprocessable Entity", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class BadRequest(Exception):
    """The bytes on the connection are no HTTP request: answered 400, and the connection closed."""


class Headers:
    """Header fields as they came: in order, repeated ones kept, names compared without case."""

    def __init__(self, fields=()):
        self.fields = list(fields)

    def get(self, name, default=None):
        for key, value in self.fields:
            if key.lower() == name.lower():
                return value
        return default

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def names(self):
        return [key.lower() for key, _ in self.fields]

    def __contains__(self, name):
        return self.get(name) is not None

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __repr__(self):
        return repr(self.fields)


class Request:
    """One request that arrived whole. `path` is as sent (still escaped) and without the query;
    `query` is the list of its pairs, unescaped, in order."""

    def __init__(self, method, target, headers, body, *, at, connection, client_certificate=None):
        self.method = method
        self.target = target
        self.path, _, self.raw_query = target.partition("?")
        self.query = urllib.parse.parse_qsl(self.raw_query, keep_blank_values=True)
        self.headers = headers
        self.body = body
        self.at = at
        self.connection = connection
        self.client_certificate = client_certificate
        self.fault = None  # the fault that struck it
        self.response = None  # what the API answered or would have; None when it never came to that
        self.answered = threading.Event()

    @property
    def segments(self):
        """The path's segments, each unescaped after the split, so that %2F stays inside one."""
        return [urllib.parse.unquote(part) for part in self.path.split("/")[1:]]

    def query_value(self, name, default=None):
        for key, value in self.query:
            if key == name:
                return value
        return default

    def json(self):
        return json.loads(self.body)

    def as_dict(self):
        """For recordings: a body that is not UTF-8 keeps its bytes as \\udcXX escapes."""
        return {
            "method": self.method,
            "target": self.target,
            "headers": self.headers.fields,
            "body": self.body.decode("utf-8", "surrogateescape"),
            "at": self.at,
            "status": self.response.status if self.response else None,
            "fault": repr(self.fault) if self.fault else None,
        }

    def __repr__(self):
        status = self.response.status if self.response else "-"
        return f"<{self.method} {self.target} -> {status}>"


class Response:
    def __init__(self, status, body=b"", headers=()):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = list(headers.items() if isinstance(headers, dict) else headers)

    @classmethod
    def json(cls, status, value, headers=()):
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        return cls(status, json.dumps(value), [("Content-Type", "application/json")] + pairs)

    def bytes(self, *, close=False, head_only=False):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        if close:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return head if head_only or self.status in (204, 304) else head + self.body


class Wire:
    """What a fault gets to play on: the connection, the request, and the answer that the API would
    give. Asking for its answer() is what makes the request take effect."""

    def __init__(self, server, sock, request):
        self.server = server
        self.sock = sock
        self.request = request

    def answer(self):
        return self.server.answer(self.request)

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        """Close with an RST (TCP), or abruptly (a unix socket)."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.close()

    def wait(self, seconds=None, released=None):
        """Hold the connection until the time is over, `released` is set, the server stops or the
        peer goes away. Returns True when the time was over or it was released."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.server.stopping.is_set():
            if released is not None and released.is_set():
                return True
            left = 0.02 if deadline is None else min(0.02, deadline - time.monotonic())
            if left <= 0:
                return True
            readable, _, _ = select.select([self.sock], [], [], left)
            if readable:
                return False
        return False


class _Reader:
    """Buffered reads off one connection."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            return False
        self.buffer += data
        return True

    def head(self):
        """The bytes up to the empty line, or None when the peer closed before the first byte."""
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > MAX_HEAD_LEN:
                raise BadRequest("request head too large")
            if not self._fill():
                if self.buffer:
                    raise ConnectionError("closed inside a request head")
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head

    def exactly(self, length):
        while len(self.buffer) < length:
            if not self._fill():
                raise ConnectionError("closed inside a request body")
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data

    def line(self):
        while b"\r\n" not in self.buffer:
            if len(self.buffer) > MAX_HEAD_LEN:
                raise BadRequest("line too long")
            if not self._fill():
                raise ConnectionError("closed inside a chunk")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def chunks(self):
        body = b""
        while True:
            size = self.line().split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size):
                raise BadRequest("bad chunk size")
            length = int(size, 16)
            if length == 0:
                while self.line():
                    pass
                return body
            if len(body) + length > MAX_BODY_LEN:
                raise BadRequest("request body too large")
            body += self.exactly(length)
            if self.exactly(2) != b"\r\n":
                raise BadRequest("chunk without its end")


class HttpServer:
    """Serves `handler(request) -> Response` until stop(). A subclass or the owner gives the
    handler; everything here may be called from any thread."""

    def __init__(self, handler, *, host="127.0.0.1", port=0, unix_path=None, tls=None,
                 record_path=None, clock=time.time, threaded=True):
        self.handler = handler
        self.threaded = threaded  # else the owner calls turn()
        self.host = host
        self.port = port
        self.unix_path = unix_path
        self.tls = tls  # an ssl.SSLContext
        self.clock = clock
        self.faults = FaultPlan()
        self.requests = []  # every request that arrived whole, in order of arrival
        self.bad_requests = []  # what could not be read as a request, as text
        self.tls_errors = []  # handshakes that failed, as text
        self.connection_count = 0
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        self._listener = None
        self._wake = None
        self._acceptor = None
        self._connections = {}  # socket -> thread; without threads, -> reader
        self._record = open(record_path, "a", buffering=1) if record_path else None

    # -- life ---------------------------------------------------------------------------------

    def start(self):
        self._listen()
        return self

    def stop(self):
        self.stopping.set()
        self.faults.release_all()
        self._close_listener()
        self._drop_connections()
        if self.threaded:
            for thread in list(self._connections.values()):
                thread.join(5)
        else:
            for sock in self._connections:
                sock.close()
        if self.unix_path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.unix_path)
        if self._record:
            self._record.close()
            self._record = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    @property
    def url(self):
        if self.unix_path:
            return f"unix://{self.unix_path}"
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @contextlib.contextmanager
    def refused(self):
        """For the time of the block every connection is refused and the open ones are dropped;
        afterwards the same address answers again."""
        self.refuse()
        try:
            yield self
        finally:
            self.accept()

    def refuse(self):
        self._close_listener()
        self._drop_connections()

    def accept(self):
        if self._listener is None and not self.stopping.is_set():
            self._listen()

    def _listen(self):
        if self.unix_path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.unix_path)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(self.unix_path)
        else:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            self.port = listener.getsockname()[1]
        listener.listen(512)
        listener.setblocking(False)
        self._listener = listener
        if not self.threaded:
            return
        waiting, self._wake = socket.socketpair()
        self._acceptor = threading.Thread(
            target=self._accept_loop, args=(listener, waiting), daemon=True)
        self._acceptor.start()

    def _close_listener(self):
        if self._listener is None:
            return
        if self.threaded:
            self._wake.close()
            self._acceptor.join(5)
        self._listener.close()
        self._listener = None

    def _drop_connections(self):
        with self._changed:
            sockets = list(self._connections)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept_loop(self, listener, waiting):
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(waiting, select.POLLIN)
        with waiting:
            while True:
                ready = {fd for fd, _ in poll.poll()}
                if waiting.fileno() in ready:
                    return
                try:
                    sock, _ = listener.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    continue
                sock.setblocking(True)
                thread = threading.Thread(target=self._connection, args=(sock,), daemon=True)
                with self._changed:
                    self._connections[sock] = thread
                    self.connection_count += 1
                    number = self.connection_count
                thread.connection_number = number
                thread.start()

    # -- without threads ----------------------------------------------------------------------

    def sockets(self):
        """What turn() is for: the listening socket and the connections."""
        return [self._listener, *self._connections]

    def turn(self, sock):
        """Something came on one of sockets(): a connection is taken, or a request answered, all on
        the caller's thread. A request that does not come whole holds it up."""
        if sock is self._listener:
            sock, _ = sock.accept()
            sock.settimeout(IDLE_TIMEOUT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection_count += 1
            self._connections[sock] = _Reader(sock)
            return
        try:
            keep = self._serve_one(self._connections[sock], sock, self.connection_count)
        except OSError:
            keep = False  # the peer went away
        if not keep:
            del self._connections[sock]
            sock.close()

    # -- one connection -----------------------------------------------------------------------

    def _connection(self, plain):
        number = threading.current_thread().connection_number
        sock = plain
        try:
            sock.settimeout(IDLE_TIMEOUT_S)
            if plain.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self._handshake(plain)
            self._requests(sock, number)
        except (OSError, ssl.SSLError):
            pass  # the peer went away, or stop() closed the connection under us
        finally:
            with contextlib.suppress(OSError):
                sock.close()
            with self._changed:
                self._connections.pop(plain, None)
                self._connections.pop(sock, None)

    def _handshake(self, plain):
        try:
            sock = self.tls.wrap_socket(plain, server_side=True)
        except (OSError, ssl.SSLError) as error:
            self.tls_errors.append(str(error))
            raise
        with self._changed:
            self._connections.pop(plain, None)
            self._connections[sock] = threading.current_thread()
        return sock

    def _requests(self, sock, number):
        reader = _Reader(sock)
        while not self.stopping.is_set() and self._serve_one(reader, sock, number):
            pass

    def _serve_one(self, reader, sock, number):
        """Takes one request and answers it. False where the connection carries no more."""
        try:
            request = self._read(reader, sock, number)
        except BadRequest as error:
            self.bad_requests.append(str(error))
            sock.sendall(Response(400, f"{error}\n").bytes(close=True))
            return False
        if request is None:
            return False
        with self._changed:
            request.fault = self.faults.take(request)
            self.requests.append(request)
            self._changed.notify_all()
        wire = Wire(self, sock, request)
        try:
            if request.fault is not None:
                return request.fault.play(wire)
            keep = "close" not in request.headers.get("Connection", "").lower()
            response = wire.answer()
            sock.sendall(response.bytes(close=not keep, head_only=request.method == "HEAD"))
            return keep
        finally:
            request.answered.set()
            self._write_record(request)
            with self._changed:
                self._changed.notify_all()

    def _read(self, reader, sock, number):
        head = reader.head()
        if head is None:
            return None
        lines = head.split(b"\r\n")
        parts = lines[0].split(b" ")
        if len(parts) != 3 or not _TOKEN.match(parts[0]) or parts[2] not in (b"HTTP/1.1",
                                                                            b"HTTP/1.0"):
            raise BadRequest(f"malformed request line {lines[0][:80]!r}")
        if not re.fullmatch(rb"/[\x21-\x7e]*", parts[1]):
            raise BadRequest(f"malformed request target {parts[1][:80]!r}")
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not _TOKEN.match(name):
                raise BadRequest(f"malformed header {line[:80]!r}")
            value = value.strip(b" \t")
            if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
                raise BadRequest(f"control character in header {name!r}")
            fields.append((name.decode("ascii"), value.decode("latin-1")))
        headers = Headers(fields)
        if len(headers.all("Host")) != 1:
            raise BadRequest("missing required Host header")
        lengths = headers.all("Content-Length")
        if len(set(lengths)) > 1 or any(not re.fullmatch(r"\d{1,12}", text) for text in lengths):
            raise BadRequest("bad Content-Length")
        if headers.get("Expect", "").lower() == "100-continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "Transfer-Encoding" in headers:
            if lengths or headers["Transfer-Encoding"].lower() != "chunked":
                raise BadRequest("unsupported transfer encoding")
            body = reader.chunks()
        else:
            length = int(lengths[0]) if lengths else 0
            if length > MAX_BODY_LEN:
                raise BadRequest("request body too large")
            body = reader.exactly(length)
        certificate = sock.getpeercert() if self.tls else None
        return Request(parts[0].decode("ascii"), parts[1].decode("ascii"), headers, body,
                       at=self.clock(), connection=number, client_certificate=certificate)

    def answer(self, request):
        """The API's own answer to a request, made once however often it is asked for."""
        if request.response is None:
            request.response = self.handler(request)
        return request.response

    def _write_record(self, request):
        with self._changed:
            if self._record:
                self._record.write(json.dumps(request.as_dict()) + "\n")

    # -- asking -------------------------------------------------------------------------------

    def seen(self, method=None, path=None, where=None):
        """The requests so far, those that fit: `path` is a regular expression searched in the
        path, `where` a function of the request."""
        with self._changed:
            requests = list(self.requests)
        return [request for request in requests
                if (method is None or request.method == method)
                and (path is None or re.search(path, request.path))
                and (where is None or where(request))]

    def wait_for(self, count=1, timeout_s=10.0, **criteria):
        """Wait until `count` fitting requests have been answered; returns them all."""
        deadline = time.monotonic() + timeout_s

        def done():
            return [request for request in self.seen(**criteria) if request.answered.is_set()]

        while True:
            found = done()
            if len(found) >= count:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"{len(found)} of {count} requests {criteria or ''} within {timeout_s} s; "
                    f"all requests: {self.requests}")
            with self._changed:
                self._changed.wait(min(left, 0.05))

    def wait_for_arrival(self, count=1, timeout_s=10.0, **criteria):
        """Wait until `count` fitting requests have arrived, answered or not; returns them all."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.seen(**criteria)
            if len(found) >= count:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"{len(found)} of {count} requests {criteria or ''} within {timeout_s} s; "
                    f"all requests: {self.requests}")
            with self._changed:
                self._changed.wait(min(left, 0.05))
