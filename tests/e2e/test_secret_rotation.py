"""Two webhook secrets live at once, and `runhook check` says when each was used: a rotation is two
steps, with a delivery refused in neither."""

import contextlib
import re
import sqlite3
import time

import pytest

from .support.clock import DrivenClock
from .support.deliveries import WEBHOOK_SECRET, ping, workflow_job
from .support.load import poster
from .support.site import PREVIOUS_WEBHOOK_SECRET
from .support.waiting import SLOWNESS, wait_until

NEW_SECRET = "webhook-secret-of-next-month"
OVER = "no webhook uses it any more; remove it"
DAY_S = 86400


def said(site, key, env=None):
    """What check says of a secret."""
    done = site.run("check", env=env)
    assert done.code == 0, done
    return re.search(rf"^secret   {key}: (.*)$", done.stdout, re.M).group(1)


def wait_until_said(site, key, part, env=None):
    return wait_until(lambda: text if part in (text := said(site, key, env)) else None,
                      f"check says {part!r} of {key}")


def uses(site):
    with contextlib.closing(sqlite3.connect(site.ledger_path)) as connection:
        return dict(connection.execute("SELECT fingerprint, used_at_ms FROM secret_use"))


def with_previous(site):
    site.configure("github", webhook_secret_previous_file=site.secret_file(
        "previous-secret", PREVIOUS_WEBHOOK_SECRET))


def test_a_rotation_in_two_steps(site, tmp_path):
    clock = DrivenClock(tmp_path)
    front = site.serve("nginx", env=clock.env)
    answers = []

    def deliver(secret):
        answers.append(front.post(ping(secret)).status)

    deliver(WEBHOOK_SECRET)
    wait_until_said(site, "webhook_secret", "last used ", clock.env)

    # One: both are good. GitHub still has the old one, then the new one.
    site.secret_file("webhook-secret", NEW_SECRET)
    site.configure("github", webhook_secret_previous_file=site.secret_file(
        "previous-secret", WEBHOOK_SECRET))
    site.reload()
    text = said(site, "webhook_secret", clock.env)
    assert text == "never used, as far as the ledger knows"
    assert "keep it until it was not used for 7d" in said(site, "webhook_secret_previous",
                                                           clock.env)
    deliver(WEBHOOK_SECRET)
    deliver(NEW_SECRET)
    wait_until_said(site, "webhook_secret", "last used ", clock.env)
    assert OVER not in said(site, "webhook_secret_previous", clock.env)

    clock.advance(8 * DAY_S)
    deliver(NEW_SECRET)
    text = said(site, "webhook_secret_previous", clock.env)
    assert text.startswith("last used 8d ago (20") and text.endswith(f"Z): {OVER}")

    # Two: the old one is taken out.
    site.configure("github", webhook_secret_previous_file=None)
    site.reload()
    deliver(NEW_SECRET)
    assert set(answers) == {200}
    assert front.post(ping(WEBHOOK_SECRET)).status == 403
    assert "webhook_secret_previous" not in site.run("check").stdout


def test_what_the_ledger_holds_of_them(site):
    """Four digits each, and not even those of a delivery that was refused."""
    with_previous(site)
    front = site.serve("nginx")
    before_ms = time.time() * 1000
    assert front.post(ping("another")).status == 403
    assert front.post(ping(WEBHOOK_SECRET)).status == 200
    assert front.post(workflow_job(secret=PREVIOUS_WEBHOOK_SECRET)).status == 202
    found = wait_until(lambda: rows if len(rows := uses(site)) == 2 else None, "both are noted")
    assert all(re.fullmatch("[0-9a-f]{4}", fingerprint) for fingerprint in found)
    assert all(before_ms - 1 <= used <= time.time() * 1000 for used in found.values())


def test_an_unused_one_is_said_to_be(site):
    with_previous(site)
    site.serve("nginx")
    for key in ("webhook_secret", "webhook_secret_previous"):
        assert said(site, key) == "never used, as far as the ledger knows"


def test_the_first_use_is_noted_at_once_the_last_one_at_the_stop(site):
    process = site.serve_socket()
    post = poster(site, process)
    assert post(ping()).status == 200
    first, = wait_until(lambda: list(uses(site).values()), "the first use is noted")
    wait_until(lambda: time.time() * 1000 > first + 1, "the next millisecond")
    assert post(ping()).status == 200
    assert process.stop() == 0
    assert list(uses(site).values()) > [first]


def test_the_last_use_is_noted_before_a_reload(site):
    front = site.serve("nginx")
    assert front.post(ping()).status == 200
    first, = wait_until(lambda: list(uses(site).values()), "the first use is noted")
    wait_until(lambda: time.time() * 1000 > first + 1, "the next millisecond")
    assert front.post(ping()).status == 200
    site.secret_file("webhook-secret", NEW_SECRET)
    site.reload()
    wait_until(lambda: list(uses(site).values()) > [first], "the last use is noted")


def test_under_plain_cgi(site):
    front = site.serve("lighttpd_cgi")
    assert front.post(ping()).status == 200
    wait_until_said(site, "webhook_secret", "last used ")


def test_a_ledger_that_is_locked_holds_up_no_answer(site):
    process = site.serve_socket()
    post = poster(site, process)
    with site.locked_ledger():
        started = time.monotonic()
        assert [post(ping()).status for _ in range(20)] == [200] * 20
        assert time.monotonic() - started < 2 * SLOWNESS
    assert process.stop() == 0
    assert len(uses(site)) == 1


@pytest.mark.parametrize("spoil, reason", [
    (lambda site: None, "there is none yet"),
    (lambda site: (site.serve_socket().stop(), _drop(site)), "no such table"),
], ids=["no-ledger", "a-table-is-missing"])
def test_check_does_not_fail_for_what_the_ledger_does_not_say(site, spoil, reason):
    spoil(site)
    text = said(site, "webhook_secret")
    assert text.startswith("the ledger does not say when it was used: ") and reason in text


def _drop(site):
    with contextlib.closing(sqlite3.connect(site.ledger_path)) as connection:
        connection.execute("DROP TABLE secret_use")
        connection.commit()
