"""Signatures that are nearly right, whether the time tells how near, and deliveries sent again."""

import concurrent.futures
import ctypes
import json
import re
import statistics
import subprocess
import threading
import time
from pathlib import Path

import pytest

from .support.deliveries import sign, timestamp, workflow_job
from .support.fronts import PROJECT
from .support.load import poster, seeded_random, short_or_long
from .support.siege import Siege, is_sanitized
from .support.waiting import wait_until

DIGITS = 64
SOURCE = Path(__file__).parent / "support/verify_positions.c"
MISMATCH = "the signature does not match"


def changed(signature, position, by):
    """The signature with one hexadecimal digit made another."""
    at = len("sha256=") + position
    digit = (int(signature[at], 16) + by) % 16
    return f"{signature[:at]}{digit:x}{signature[at + 1:]}"


class TestNearlyRight:
    def test_in_each_position(self, site):
        """Each of the 64 digits made each of the 15 others."""
        process = site.serve_socket()
        delivery = workflow_job()
        right = sign(delivery.body)
        reasons = set()
        with site.fastcgi(process) as connection:
            for position in range(DIGITS):
                for by in short_or_long((1, 8, 15), range(1, 16)):
                    answer = connection.post(delivery, keep=True, headers=delivery.headers(
                        X_Hub_Signature_256=changed(right, position, by)))
                    assert answer.status == 403, (position, by)
                    reasons.add(answer.json["reason"])
            assert len(reasons) == 1 and MISMATCH in reasons.pop()
            assert delivery.id not in site.jobs()
            assert connection.post(delivery, headers=delivery.headers(
                X_Hub_Signature_256=right)).status == 202

    def test_in_its_length(self, site):
        process = site.serve_socket()
        delivery = workflow_job()
        right = sign(delivery.body)
        for cut in [*range(len(right)), -1]:
            bad = right[:cut] if cut >= 0 else right + "0"
            with site.fastcgi(process) as connection:
                answer = connection.post(delivery, headers=delivery.headers(X_Hub_Signature_256=bad))
            assert answer.status == 403, bad


@pytest.fixture(scope="module")
def library_path(runhook_path):
    (path,) = [path for path in (runhook_path.parent.parent / "lib").glob("librunhook.so.*")
               if not path.is_symlink()]
    return path


class TestTime:
    def test_of_each_position(self, library_path, note):
        """In one process, in random order. What the medians say is told, and not asserted: that is
        for test_instructions_of_each_position, which sees no noise."""
        if is_sanitized(library_path):
            pytest.skip("a library with sanitizers cannot be loaded into Python")
        library = ctypes.CDLL(str(library_path))
        secret, body = ctypes.c_void_p(), b"x" * 512
        key = b"webhook-secret"
        assert library.rh_secret_new(key, ctypes.c_size_t(len(key)), ctypes.byref(secret)) == 0
        try:
            secrets = (ctypes.c_void_p * 1)(secret)
            right = sign(body, key.decode())
            headers = [changed(right, position, 1).encode() for position in range(DIGITS)]
            samples = [[] for _ in headers]
            order = list(range(DIGITS)) * short_or_long(400, 20_000)
            seeded_random().shuffle(order)
            verify, lengths = library.rh_signature_verify, (ctypes.c_size_t(len(body)),
                                                            ctypes.c_size_t(len(right)))
            answers = set()
            for position in order:
                began = time.perf_counter_ns()
                answer = verify(secrets, ctypes.c_size_t(1), body, lengths[0], headers[position],
                                lengths[1], None)
                samples[position].append(time.perf_counter_ns() - began)
                answers.add(answer)
            assert len(answers) == 1 and 0 not in answers
            assert verify(secrets, ctypes.c_size_t(1), body, lengths[0], right.encode(), lengths[1],
                          None) == 0
        finally:
            library.rh_secret_free(secret)
        medians = [statistics.median(times) for times in samples]
        within = statistics.median(
            statistics.quantiles(times, n=4)[2] - statistics.quantiles(times, n=4)[0]
            for times in samples)
        note(json.dumps({
            "timing": "signature, 64 positions of a wrong digit", "samples_each": len(samples[0]),
            "median_ns": round(statistics.median(medians)),
            "spread_of_medians_ns": round(max(medians) - min(medians)),
            "quartiles_apart_within_one_ns": round(within),
            "correlation_with_position": round(statistics.correlation(range(DIGITS), medians), 3)}))

    def test_compares_in_constant_time(self, library_path):
        """OpenSSL's comparison, and no other."""
        done = subprocess.run(["nm", "--dynamic", "--undefined-only", library_path],
                              stdout=subprocess.PIPE, text=True, check=True)
        assert "CRYPTO_memcmp" in done.stdout
        code = (PROJECT / "lib/src/signature.c").read_text()
        assert re.findall(r"\w*memcmp\([^)]*\)", code) == [
            "memcmp(header, prefix, PREFIX_LEN)", "CRYPTO_memcmp(expected, claimed, DIGEST_LEN)"]

    @pytest.mark.long
    def test_instructions_of_each_position(self, library_path, tmp_path, note):
        """The same number whichever digit is wrong."""
        program = tmp_path / "verify_positions"
        subprocess.run(["gcc", "-O2", "-o", program, SOURCE, f"-I{PROJECT}/lib/include",
                        library_path, f"-Wl,-rpath,{library_path.parent}"], check=True)
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={tmp_path}/out",
                        program], check=True, capture_output=True)
        counts = {}
        for path in tmp_path.glob("out.*"):
            text = path.read_text()
            digit = re.search(r"^desc: Trigger: Client Request: digit (-?\d+)$", text, re.M)
            if digit and int(digit.group(1)) >= 0:
                counts[int(digit.group(1))] = int(re.search(r"^(?:summary|totals): (\d+)", text,
                                                            re.M).group(1))
        assert len(counts) == DIGITS
        note(json.dumps({"instructions": "signature, 64 positions of a wrong digit",
                         "least": min(counts.values()), "most": max(counts.values())}))
        assert len(set(counts.values())) == 1, counts


class TestReplay:
    """Who has recorded a delivery can send it again, under whatever headers that are not signed."""

    def test_a_thousand_times_from_two_connections(self, site, note):
        process = site.serve_socket()
        delivery = workflow_job()
        count = short_or_long(500, 5000)
        together = threading.Barrier(2)

        def replay(number):
            statuses = []
            with site.fastcgi(process) as connection:
                together.wait()
                for _ in range(count):
                    headers = delivery.headers(X_GitHub_Delivery=f"{number}-{len(statuses)}")
                    answer = connection.post(delivery, keep=True,
                                             headers=headers if len(statuses) % 2 else None)
                    statuses.append((answer.status, answer.json["status"]))
            return statuses

        with Siege(site, poster(site, process), "a delivery sent again", note,
                   lines=2 * count + 10) as siege:
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                statuses = [one for some in pool.map(replay, range(2)) for one in some]
            siege.last(2)
        assert statuses.count((202, "accepted")) == 1
        assert statuses.count((200, "duplicate")) == 2 * count - 1
        site.wait_for_dispatch(delivery)
        assert len(site.dispatches_of(delivery)) == 1

    def test_after_its_end(self, site):
        """What is done stays done, whatever comes again, in any order."""
        process = site.serve_socket()
        post = poster(site, process)
        queued = workflow_job()
        others = [workflow_job(action, id=queued.id, run_id=queued.job["run_id"])
                  for action in ("in_progress", "completed")]
        assert post(queued).status == 202
        site.wait_for_dispatch(queued)
        for delivery in others:
            assert post(delivery).status == 200
        order = [queued, *others] * 20
        seeded_random().shuffle(order)
        assert {post(delivery).status for delivery in order} == {200}
        assert site.jobs().get(queued.id, {"state": "done"})["state"] == "done"
        assert len(site.dispatches_of(queued)) == 1

    def test_old_ones(self, site, note):
        """GitHub has cancelled a job that waited for a day: no runner for it, however often."""
        process = site.serve_socket()
        old = [workflow_job(created_at=timestamp(age)) for age in (86_460, 90_000, 10**6, 10**8)]
        with Siege(site, poster(site, process), "old deliveries", note, lines=200):
            for delivery in old * 50:
                answer = poster(site, process)(delivery)
                assert (answer.status, answer.json["status"]) == (200, "ignored")
        assert not {delivery.id for delivery in old} & set(site.jobs())

    def test_over_a_restart(self, site):
        process = site.serve_socket()
        delivery = workflow_job()
        assert poster(site, process)(delivery).status == 202
        site.wait_for_dispatch(delivery)
        process.kill()
        process = site.serve_socket()
        assert poster(site, process)(delivery).json["status"] == "duplicate"
        last = workflow_job()
        assert poster(site, process)(last).status == 202
        site.wait_for_dispatch(last)
        wait_until(lambda: len(site.dispatches_of(last)) == 1, "the last one's")
        assert len(site.dispatches_of(delivery)) == 1
