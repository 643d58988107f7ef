"""The program under simulation: driver.c, on its ledger, killed now and then and started again."""

import json
import select
import subprocess

ANSWER_TIMEOUT_MS = 30_000  # of real time


class Killed(OSError):
    """Ends the connection on which the program was killed."""


class Program:
    def __init__(self, world, driver, config_path, log_path):
        self.world = world
        self.settings = world.settings
        self.rng = world.rng
        self.driver = driver
        self.config_path = config_path
        self.log_path = log_path
        self.error_path = config_path.with_suffix(".err")
        self.starts = 0
        self.kills = 0
        self._process = None
        self._log = None

    # -- what the world asks of it ------------------------------------------------------------

    def deliver(self, event, guid, signature, body):
        """The answer's status; None where it was killed over it."""
        line = f"deliver {len(body)} {event} {guid} {signature}\n".encode()
        answer = self._ask(line + body)
        return None if answer is None else answer["status"]

    def work(self):
        line = b"work\n"
        if self.rng.random() < self.settings.killed_writing:
            line = b"work %d %s\n" % (self.rng.randint(1, 4), self.rng.choice((b"before",
                                                                              b"after")))
        self._ask(line)

    def close(self):
        if self._process is not None:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()

    # -- a request of its own -----------------------------------------------------------------

    def serve(self, standin, request):
        """Answers one request, if the program lives to see that."""
        self.world.timeline.advance(self.rng.uniform(0.005, 0.3))
        fate = self.rng.random()
        self.tell_log()
        if fate < self.settings.killed / 2:
            self.world.say("killed before %s %s", request.method, request.target)
            self._kill()
        response = standin(request)
        self.world.say("%s %s -> %d", request.method, request.target, response.status)
        if fate < self.settings.killed and fate >= self.settings.killed / 2:
            self.world.say("killed before the answer")
            self._kill()
        self.world.timeline.advance(self.rng.uniform(0.005, 0.1))
        return response

    def _kill(self):
        self._process.kill()
        raise Killed

    # -- the process --------------------------------------------------------------------------

    def _start(self):
        self.starts += 1
        seed = self.settings.seed * 100_000 + self.starts
        with open(self.error_path, "ab") as errors:
            self._process = subprocess.Popen(
                [self.driver, self.config_path, self.world.timeline.path, str(seed)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env={}, bufsize=0)

    def _ask(self, command):
        if self._process is None:
            self._start()
        self._process.stdin.write(command)
        answer = self._listen()
        self.tell_log()
        if answer:
            return json.loads(answer)
        code = self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process = None
        if code != -9:
            errors = self.error_path.read_text(errors="replace")
            raise RuntimeError(f"the program ended with {code} over {command[:40]!r}: "
                               f"{errors[-2000:]}")
        self.kills += 1
        self.world.say("started again")
        return None

    def _listen(self):
        """Serves its requests until it answers, which it does with one line; "" at its end."""
        servers = {sock.fileno(): (server, sock) for server in self.world.servers
                   for sock in server.sockets()}
        poll = select.poll()
        output = self._process.stdout
        poll.register(output, select.POLLIN)
        for number in servers:
            poll.register(number, select.POLLIN)
        line = b""
        while not line.endswith(b"\n"):
            ready = [number for number, _ in poll.poll(ANSWER_TIMEOUT_MS)]
            if not ready:
                raise RuntimeError("the program does not answer")
            if ready == [output.fileno()]:
                data = output.read(4096)
                if not data:
                    return b""
                line += data
                continue
            for number in ready:
                if number != output.fileno():
                    self._turn(*servers[number], poll, servers)
        return line

    @staticmethod
    def _turn(server, sock, poll, servers):
        number = sock.fileno()
        before = set(server.sockets())
        server.turn(sock)
        after = set(server.sockets())
        if sock not in after:
            poll.unregister(number)
            del servers[number]
        for new in after - before:
            poll.register(new, select.POLLIN)
            servers[new.fileno()] = (server, new)

    def tell_log(self):
        """The log lines since the last time."""
        if not self.world.is_told:
            return
        if self._log is None:
            if not self.log_path.exists():
                return
            self._log = open(self.log_path, encoding="utf-8", errors="replace")
        for line in self._log:
            self.world.say("  log: %s", line.rstrip().partition(" ")[2])
