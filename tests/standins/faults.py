"""Ways in which an upstream goes wrong, for both stand-ins.

A fault strikes requests by method, path and count:

    server.faults.add(Reset(after=10), path="/dispatch$", times=2)
    server.faults.add(Answer(503), times=None)          # every request, until removed
    with server.refused(): ...                          # nobody listens (httpd.HttpServer)

`applied=True` lets the request take effect before its answer is spoilt: what a client sees when
Nomad has made the child and the answer is lost on the way.
"""

import contextlib
import re
import threading


class Fault:
    """play() writes to the connection and returns True when it may carry another request."""

    applied = False

    def play(self, wire):
        raise NotImplementedError

    def release(self):
        """End a fault that holds its connection."""

    def __repr__(self):
        values = ", ".join(f"{key}={_short(value)}" for key, value in vars(self).items()
                           if not key.startswith("_"))
        return f"{type(self).__name__}({values})"


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _json_response(status, size=0):
    return (f"HTTP/1.1 {status} Fault\r\nContent-Type: application/json\r\n"
            f"Content-Length: {size}\r\n\r\n").encode()


class Answer(Fault):
    """A fixed answer."""

    def __init__(self, status, body=b"", headers=(), *, applied=False):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = dict(headers)
        self.applied = applied

    def play(self, wire):
        if self.applied:
            wire.answer()
        lines = [f"HTTP/1.1 {self.status} Fault", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        wire.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body)
        return True


class _Held(Fault):
    """A fault that holds the connection until its time is over or it is released."""

    def __init__(self):
        self._released = threading.Event()

    def release(self):
        self._released.set()


class Delay(_Held):
    """The right answer, late. Without `seconds`, when released."""

    def __init__(self, seconds=None, *, applied=False):
        super().__init__()
        self.seconds = seconds
        self.applied = applied

    def play(self, wire):
        if self.applied:
            wire.answer()
        if not wire.wait(self.seconds, self._released):
            return False  # the client has gone: what it asked for does not happen
        wire.send(wire.answer().bytes())
        return True


class Stall(_Held):
    """Silence after the first `after` bytes of the right answer (0: no byte at all)."""

    def __init__(self, seconds=None, *, after=0, applied=False):
        super().__init__()
        self.seconds = seconds
        self.after = after
        self.applied = applied

    def play(self, wire):
        if self.applied or self.after:
            wire.send(wire.answer().bytes()[:self.after])
        wire.wait(self.seconds, self._released)
        return False


class Reset(Fault):
    """A connection reset after the first `after` bytes of the right answer; a negative `after` is
    counted from its end."""

    def __init__(self, *, after=0, applied=False):
        self.after = after
        self.applied = applied

    def play(self, wire):
        if self.applied or self.after:
            wire.send(wire.answer().bytes()[:self.after])
            wire.wait(0.01)  # an RST overtakes bytes that the peer has not read yet
        wire.reset()
        return False


class Close(Fault):
    """The connection is closed in order, without an answer."""

    def __init__(self, *, applied=False):
        self.applied = applied

    def play(self, wire):
        if self.applied:
            wire.answer()
        return False


class Truncated(Fault):
    """The head and `keep` bytes of the body, then the end of the connection."""

    def __init__(self, keep=5, *, applied=True):
        self.keep = keep
        self.applied = applied

    def play(self, wire):
        response = wire.answer() if self.applied else None
        if response is None:
            wire.send(_json_response(200, 4096) + b"{" * self.keep)
        else:
            wire.send(response.bytes(head_only=True) + response.body[:self.keep])
        return False


class Drip(_Held):
    """The right answer, `size` bytes every `interval_s`."""

    def __init__(self, interval_s=0.2, size=1, *, applied=False):
        super().__init__()
        self.interval_s = interval_s
        self.size = size
        self.applied = applied

    def play(self, wire):
        data = wire.answer().bytes()
        for start in range(0, len(data), self.size):
            wire.send(data[start:start + self.size])
            if not wire.wait(self.interval_s, self._released):
                return False
        return True


class Garbage(Fault):
    """Bytes that are no HTTP, or, as `body`, a 200 whose body is not what it says it is."""

    def __init__(self, data=b"\x00\x15\x03\x01\xff garbage\r\n\r\n", *, body=None, status=200,
                 content_type="application/json", applied=False):
        self.data = data
        self.body = body
        self.status = status
        self.content_type = content_type
        self.applied = applied

    def play(self, wire):
        if self.applied:
            wire.answer()
        if self.body is None:
            wire.send(self.data)
            return False
        wire.send((f"HTTP/1.1 {self.status} Fault\r\nContent-Type: {self.content_type}\r\n"
                   f"Content-Length: {len(self.body)}\r\n\r\n").encode() + self.body)
        return True


class Oversized(Fault):
    """A reply of `size` bytes of valid JSON, made on the fly. Without a declared length the end of
    the connection is the end of the reply."""

    def __init__(self, size=100 * 1024 * 1024, *, status=200, declared=True, applied=False):
        self.size = size
        self.status = status
        self.declared = declared
        self.applied = applied

    def play(self, wire):
        if self.applied:
            wire.answer()
        length = f"Content-Length: {self.size}\r\n" if self.declared else "Connection: close\r\n"
        wire.send((f"HTTP/1.1 {self.status} Fault\r\nContent-Type: application/json\r\n"
                   f"{length}\r\n").encode())
        block = b"x" * 65536
        wire.send(b'{"padding":"')
        left = self.size - len(b'{"padding":""}')
        while left > 0 and not wire.server.stopping.is_set():
            part = block[:left]
            wire.send(part)
            left -= len(part)
        wire.send(b'"}')
        return self.declared


class Rule:
    """One fault and the requests that it strikes."""

    def __init__(self, fault, method, path, where, times, skip):
        self.fault = fault
        self.method = method
        self.path = re.compile(path) if path else None
        self.where = where
        self.times = times
        self.skip = skip
        self.struck = 0

    def fits(self, request):
        return ((self.method is None or request.method == self.method)
                and (self.path is None or self.path.search(request.path))
                and (self.where is None or self.where(request)))


class FaultPlan:
    """The faults that a server still has to play, in the order in which they were added."""

    def __init__(self):
        self._lock = threading.Lock()
        self._rules = []
        self._all = []

    def add(self, fault, *, times=1, method=None, path=None, where=None, skip=0):
        """`times=None` for every fitting request; `skip` lets that many pass first. Returns the
        rule, whose `struck` counts."""
        rule = Rule(fault, method, path, where, times, skip)
        with self._lock:
            self._rules.append(rule)
            self._all.append(rule)
        return rule

    def remove(self, rule):
        with self._lock:
            if rule in self._rules:
                self._rules.remove(rule)
        rule.fault.release()

    def clear(self):
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.fault.release()

    def release_all(self):
        with self._lock:
            rules = list(self._all)
        for rule in rules:
            rule.fault.release()

    @contextlib.contextmanager
    def during(self, fault, **criteria):
        """The fault for every fitting request of the block."""
        rule = self.add(fault, **{"times": None, **criteria})
        try:
            yield rule
        finally:
            self.remove(rule)

    def take(self, request):
        """The fault that strikes this request, or None; counts it."""
        with self._lock:
            for rule in self._rules:
                if not rule.fits(request):
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                rule.struck += 1
                if rule.times is not None and rule.struck >= rule.times:
                    self._rules.remove(rule)
                return rule.fault
        return None
