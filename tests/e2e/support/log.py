"""Reading runhook's log. Reading is strict: a line that is not made of key=value pairs is an error,
which is how a test finds text that was not escaped."""

import re

_PAIR = re.compile(r'([a-z][a-z0-9_]*)=(?:"((?:[^"\\\x00-\x1f]|\\.)*)"|([^\s"=\\]+))(?: |\Z)')
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u\{[0-9a-f]+\}|.)")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_NAMED = {"n": "\n", "t": "\t", "r": "\r"}


class Event(dict):
    """The pairs of one line, values without quotes and escapes; `line` is the line itself."""

    line = ""

    def __repr__(self):
        return self.line


def _unescape(text):
    def one(match):
        code = match.group(1)
        if len(code) > 1:
            return chr(int(code[1:].strip("{}"), 16))
        return _NAMED.get(code, code)

    return _ESCAPE.sub(one, text)


def parse_line(line):
    event = Event()
    event.line = line
    position = 0
    while position < len(line):
        match = _PAIR.match(line, position)
        if not match:
            raise ValueError(f"not a key=value pair at {line[position:position + 60]!r} "
                             f"in log line {line!r}")
        key, quoted, plain = match.groups()
        if key in event:
            raise ValueError(f"key {key} twice in log line {line!r}")
        event[key] = _unescape(quoted) if quoted is not None else plain
        position = match.end()
    if list(event)[:3] != ["time", "level", "event"]:
        raise ValueError(f"a log line begins with time, level, event: {line!r}")
    if not _TIME.fullmatch(event["time"]):
        raise ValueError(f"malformed time in log line {line!r}")
    if event["level"] not in ("info", "warning", "error"):
        raise ValueError(f"unknown level in log line {line!r}")
    return event


def parse(text):
    """Every whole line of a log."""
    whole = text[:text.rfind("\n") + 1]
    return [parse_line(line) for line in whole.split("\n") if line]


def matching(events, **pairs):
    """The events that have all these pairs; values compare as text."""
    return [event for event in events
            if all(event.get(key) == str(value) for key, value in pairs.items())]
