"""Attacks on the secret files while the program reads them again: links, pipes, devices, folders,
huge and half-written files in their place, changed between one look and the next. It keeps the
secret that it has, or takes the new one whole, and never hangs."""

import itertools
import os
import signal
import threading
import time

import pytest

from .support.deliveries import WEBHOOK_SECRET, ping
from .support.load import poster, short_or_long
from .support.siege import Siege
from .support.site import NOMAD_TOKEN
from .support.waiting import SLOWNESS

NEW_SECRET = "webhook-secret-of-next-month"
OTHERS_SECRET = "what-somebody-else-put-in-a-file"


def link_to(target):
    def put(path, site):
        path.symlink_to(target(site) if callable(target) else target)
    return put


def write(data, mode=0o600):
    def put(path, _):
        path.write_bytes(data)
        path.chmod(mode)
    return put


def fifo(path, _):
    os.mkfifo(path, 0o600)


def huge(path, _):
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # has no blocks
    path.chmod(0o600)


def others(site):
    """A file that everybody may read, so that anybody knows the secret."""
    return site.secret_file("others", OTHERS_SECRET, 0o644)


def chain(path, site):
    """A link to a link to a pipe."""
    os.mkfifo(path.with_name("pipe"), 0o600)
    path.with_name("middle").symlink_to("pipe")
    path.symlink_to("middle")


def itself(path, _):
    path.symlink_to(path.name)


REFUSED = {
    "nothing": lambda path, site: None,
    "a folder": lambda path, site: path.mkdir(mode=0o700),
    "a FIFO": fifo,
    "a link to a link to a FIFO": chain,
    "a link to itself": itself,
    "a link to nothing": link_to("nowhere"),
    "a link to a folder": link_to("/"),
    "a link to /dev/zero": link_to("/dev/zero"),
    "a link to /dev/stdin": link_to("/dev/stdin"),
    "a link to /dev/tty": link_to("/dev/tty"),
    "a link to the program's memory": link_to("/proc/self/mem"),
    "a link to what others can read": link_to(others),
    "what others can read": write(b"new-secret\n", 0o644),
    "what others can write": write(b"new-secret\n", 0o602),
    "a terabyte": huge,
    "an empty file": write(b""),
    "blanks": write(b" \n"),
    "two lines": write(b"new-secret\nand-more\n"),
    "a NUL": write(b"new-\0secret\n"),
    "64 KB": write(b"x" * 65536),
}


@pytest.fixture
def served(site):
    site.configure("pool linux", max_runners=1)
    site.process = site.serve_socket()
    return site


def answer_to(site, secret):
    with site.fastcgi(site.process) as connection:
        return connection.post(ping(secret)).status


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("name", ["webhook-secret", "nomad-token"])
def test_in_its_place(served, name, what):
    """The old secret goes on, the log says which file is wrong, and no content is shown."""
    path = served.directory / "secrets" / name
    path.unlink()
    REFUSED[what](path, served)
    began = time.monotonic()
    line = served.reload(served.process, "kept")
    assert time.monotonic() - began < 2 * SLOWNESS
    assert str(path) in line["reason"], line
    assert "new-secret" not in served.log_path.read_text()
    assert answer_to(served, WEBHOOK_SECRET) == 200
    assert answer_to(served, OTHERS_SECRET) == 403
    assert answer_to(served, "new-secret") == 403
    done = served.run("check")
    assert done.code == 1 and str(path) in done.output, done


@pytest.mark.parametrize("what, put", [
    ("a group's", write(NEW_SECRET.encode() + b"\n", 0o640)),
    ("a link, as of systemd's or Kubernetes' mounts", link_to(
        lambda site: site.secret_file("target", NEW_SECRET))),
])
def test_what_is_taken(served, what, put):
    path = served.directory / "secrets/webhook-secret"
    path.unlink()
    put(path, served)
    served.secrets.add(NEW_SECRET)
    served.reload(served.process)
    assert answer_to(served, NEW_SECRET) == 200
    assert answer_to(served, WEBHOOK_SECRET) == 403


def test_a_race(served, note):
    """The file is another thing a thousand times a second while the program reads it again and again.
    What it takes is one of the two secrets, whole, and never what others could have written."""
    path = served.directory / "secrets/webhook-secret"
    own = served.secret_file("own", WEBHOOK_SECRET)
    things = [own, served.secret_file("open", OTHERS_SECRET, 0o644), "/dev/zero",
              served.directory, "nowhere"]
    os.mkfifo(path.with_name("pipe"), 0o600)
    things.append(path.with_name("pipe"))
    ends = threading.Event()
    swaps = itertools.count()

    def swap():
        aside = path.with_name("aside")
        for thing in itertools.cycle(things):
            if ends.is_set():
                return
            aside.symlink_to(thing)
            aside.replace(path)
            if thing == own:  # and the file behind the link as well
                own.chmod((0o644, 0o600)[next(swaps) % 2])
                time.sleep(0.0005)

    reloads = len(served.events(event="reload"))
    with Siege(served, poster(served, served.process), "secret files: a race", note,
               lines=short_or_long(400, 8000)) as siege:
        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            for _ in range(short_or_long(150, 3000)):
                served.process.send(signal.SIGHUP)
                time.sleep(0.005)
                assert served.process.is_running
            siege.last(3)
        finally:
            ends.set()
            swapping.join()
        siege.more = {"swaps": next(swaps) * len(things),
                      "reloads": len(served.events(event="reload")) - reloads}
    assert {line["outcome"] for line in served.events(event="reload")} >= {"kept", "reloaded"}
    assert OTHERS_SECRET not in served.log_path.read_text()
    assert answer_to(served, OTHERS_SECRET) == 403
    path.unlink()
    path.symlink_to(own)
    own.chmod(0o600)
    served.reload(served.process)
    assert answer_to(served, WEBHOOK_SECRET) == 200


def test_a_pipe_with_a_writer(served):
    """Somebody holds the other end and writes: it is no file all the same."""
    path = served.directory / "secrets/webhook-secret"
    path.unlink()
    os.mkfifo(path, 0o600)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(descriptor, OTHERS_SECRET.encode() + b"\n")
        assert "not a regular file" in served.reload(served.process, "kept")["reason"]
    finally:
        os.close(descriptor)
    assert answer_to(served, OTHERS_SECRET) == 403


def test_at_the_start(site):
    """The same, where there is no old secret to keep."""
    path = site.directory / "secrets/nomad-token"
    for what, put in REFUSED.items():
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)
        for left in ("pipe", "middle"):
            path.with_name(left).unlink(missing_ok=True)
        put(path, site)
        began = time.monotonic()
        done = site.run("serve", "--listen", f"unix:{site.directory}/s")
        assert time.monotonic() - began < 2 * SLOWNESS, what
        assert done.code == 1 and str(path) in done.output, (what, done)
        assert "new-secret" not in done.output and NOMAD_TOKEN not in done.output, what
