"""The tree's Markdown pages: their headings as GitHub makes anchors of them, their links, their blocks."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^( *)(```+|~~~+) *(\w*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?:(?!\1).)+?\1", re.DOTALL)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def files(*patterns, below=PROJECT):
    """Those of the tree, without what is built there or hidden."""
    for pattern in patterns:
        for path in sorted(below.rglob(pattern)):
            folders = path.relative_to(PROJECT).parts[:-1]
            if not any(folder.startswith((".", "build")) for folder in folders):
                yield path


class Page:
    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(PROJECT))
        self.text = path.read_text(encoding="utf-8")

    def blocks(self, language):
        """(line, text) of the fenced blocks in a language, without their indentation."""
        for match in _FENCE.finditer(self.text):
            if match.group(3) == language:
                indent = len(match.group(1))
                lines = [line[indent:] for line in match.group(4).split("\n")]
                yield self.text.count("\n", 0, match.start()) + 1, "\n".join(lines)

    def prose(self):
        return _FENCE.sub("\n", self.text)

    def links(self):
        return _LINK.findall(_CODE.sub("code", self.prose()))

    def anchors(self):
        """GitHub: lower case, without punctuation, blanks as dashes; the second of a name is NAME-1."""
        found = set()
        for heading in _HEADING.findall(self.prose()):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
            name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            count = 0
            while (anchor := f"{name}-{count}" if count else name) in found:
                count += 1
            found.add(anchor)
        return found

    def rows(self):
        """The cells of every line of a table."""
        for line in self.text.splitlines():
            if line.startswith("|"):
                yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def pages():
    return [Page(path) for path in files("*.md")]


def page(name):
    return Page(PROJECT / name)
