"""The page of metrics, as a scrape reads it."""

import re
import subprocess

from .processes import environment

PATH = "/github/webhook/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{(.*)\}})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)')


def promtool(*arguments, stdin=b"", cwd=None):
    done = subprocess.run(["promtool", *map(str, arguments)], input=stdin, capture_output=True,
                          env=environment(), cwd=cwd, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode()


class Metrics:
    """Parses a page, and checks all that holds for every page."""

    def __init__(self, text, lint=True):
        self.text = text
        self.types = {}
        self.samples = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name not in self.types, f"{name} comes twice"
                self.types[name] = kind
            elif not line.startswith("#"):
                self._take(line)
        assert text.endswith("\n")
        self._check_histograms()
        if lint:
            code, words = promtool("check", "metrics", stdin=text.encode())
            assert (code, words) == (0, ""), words

    def _take(self, line):
        match = SAMPLE.fullmatch(line)
        assert match, f"no sample: {line!r}"
        name, labels, value = match.groups()
        pairs = LABEL.findall(labels or "")
        assert "".join(f'{key}="{text}",' for key, text in pairs) == (labels + "," if labels else "")
        key = (name, frozenset(pairs))
        assert key not in self.samples, f"{line!r} comes twice"
        self.samples[key] = float(value)

    def _check_histograms(self):
        for name, kind in self.types.items():
            if kind != "histogram":
                continue
            series = {}
            for (sample, labels), value in self.samples.items():
                if sample == f"{name}_bucket":
                    rest = frozenset(pair for pair in labels if pair[0] != "le")
                    series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
            for labels, buckets in series.items():
                counts = [count for _, count in sorted(buckets)]
                assert counts == sorted(counts), f"{name} is not cumulative"
                assert sorted(buckets)[-1][0] == float("inf")
                assert self.samples[(f"{name}_count", labels)] == counts[-1]
                assert self.samples[(f"{name}_sum", labels)] >= 0
                assert counts[-1] or not self.samples[(f"{name}_sum", labels)]

    def get(self, name, **labels):
        """The value of a series; None where it is not there."""
        return self.samples.get((f"runhook_{name}", frozenset(labels.items())))

    def nonzero(self, name):
        """A family's series that are not 0: their labels' values, in the order of names."""
        return {tuple(value for _, value in sorted(labels)): count
                for (sample, labels), count in self.samples.items()
                if sample == f"runhook_{name}" and count}

    def counters(self):
        """Every sample that must never go backwards."""
        families = [name for name, kind in self.types.items() if kind != "gauge"]
        return {key: value for key, value in self.samples.items()
                if any(key[0] in (name, f"{name}_bucket", f"{name}_sum", f"{name}_count")
                       for name in families)}


def read(answer, **options):
    assert answer.status == 200, answer
    assert answer.header("content-type") == CONTENT_TYPE
    return Metrics(answer.body.decode(), **options)
