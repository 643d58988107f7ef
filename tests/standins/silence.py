"""A port on which nobody answers: what a firewall that drops packets, or a machine that is off,
looks like to a client. Neither taken nor refused, a connection is never there."""

import contextlib
import socket


class Silence:
    """Holds the port for the time of the block."""

    def __init__(self, port, host="127.0.0.1"):
        self.address = (host, port)
        self._sockets = []

    def __enter__(self):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._sockets.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.address)
        listener.listen(0)
        # Once the queue of connections that wait to be taken is full, the kernel drops what comes.
        for _ in range(8):
            waiting = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            waiting.setblocking(False)
            self._sockets.append(waiting)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(self.address)
        return self

    def __exit__(self, *exc):
        for sock in reversed(self._sockets):
            sock.close()
