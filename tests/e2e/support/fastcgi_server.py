"""A FastCGI program that is stopped at the worst moment: it closes a kept connection when the next
request has been sent on it. Protocol: the FastCGI Specification 1.0."""

import contextlib
import socket
import struct
import threading

from .fastcgi import BEGIN_REQUEST, END_REQUEST, STDIN, STDOUT

ANSWER = b"Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{}"


class Restarted:
    """Stands for a runhook process. The first connection is closed at its second request; `bodies`
    are those of all requests."""

    is_running = False  # there is no process to stop

    def __init__(self, path):
        self.address = f"unix:{path}"
        self.bodies = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(8)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        number = 0
        while True:
            connection, _ = self._listener.accept()
            number += 1
            threading.Thread(target=self._talk, args=(connection, number == 1),
                             daemon=True).start()

    def _talk(self, connection, is_first):
        answered = 0
        with connection, contextlib.suppress(OSError), connection.makefile("rwb") as stream:
            while (body := self._request(stream)) is not None:
                self.bodies.append(body)
                if is_first and answered == 1:
                    return
                for kind, content in ((STDOUT, ANSWER), (STDOUT, b""), (END_REQUEST, bytes(8))):
                    stream.write(struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content)
                stream.flush()
                answered += 1

    @staticmethod
    def _request(stream):
        """The body of a request; None where the connection ended."""
        body = b""
        while len(head := stream.read(8)) == 8:
            _, kind, _, length, padding = struct.unpack("!BBHHBx", head)
            content = stream.read(length + padding)[:length]
            if kind == BEGIN_REQUEST:
                body = b""
            elif kind == STDIN and not content:
                return body
            elif kind == STDIN:
                body += content
        return None
