"""The manual pages and the completion have every command and option that the program tells of, and
no other."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .support.processes import environment

PROJECT = Path(__file__).resolve().parents[2]
PAGES = PROJECT / "docs/man"
BASH = PROJECT / "packaging/completion/runhook.bash"
ZSH = PROJECT / "packaging/completion/_runhook"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
VERBS = {"jobs": {"retry", "forget"}, "runners": {"forget"},
         "hooks": {"install", "list", "remove", "ping", "redeliver", "addresses"}}
HOOKS_FOR_TESTS = "--insecure-url"


@pytest.fixture(scope="module")
def tell(runhook_path):
    def run(*arguments):
        return subprocess.run([runhook_path, *arguments], capture_output=True, text=True,
                              check=True, env=environment()).stdout

    return run


@pytest.fixture(scope="module")
def commands(tell):
    return re.findall(r"^  ([a-z]+) +\S", tell("help"), re.M)


@pytest.fixture(scope="module")
def options(tell, commands):
    """By command: the options that its help has."""
    return {command: set(OPTION.findall(tell("help", command))) - {"--config"}
            for command in commands}


def page(name):
    return (PAGES / name).read_text()


def options_of_page(text):
    return {f"--{name}" for name in re.findall(r"Fl Fl ([a-z-]+)", text)}


def usage_by_verb(text):
    """The paragraphs of `runhook help hooks` that begin with a verb, up to the next blank line."""
    return {verb: re.search(rf"^{verb} .*?\n\n", text, re.M | re.S)[0] for verb in VERBS["hooks"]}


def complete(line):
    """What bash would propose at the end of the line."""
    words = line.split(" ")
    script = f'source {BASH}; COMP_WORDS=({" ".join(repr(word) for word in words)}); ' \
             f'COMP_CWORD={len(words) - 1}; _runhook; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return set(subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True,
                              cwd="/proc/self/ns").stdout.split())


def test_every_command_is_in_the_manual(commands):
    listed = re.findall(r"^\.It Cm ([a-z]+)", page("runhook.1"), re.M)
    assert listed == commands
    pages = {path.name for path in PAGES.iterdir()}
    own = {f"runhook-{command}.1" for command in commands} - {"runhook-version.1",
                                                              "runhook-help.1"}
    assert pages == own | {"runhook.1", "runhook.conf.5"}


def test_every_option_is_in_the_manual(options):
    for command, wanted in options.items():
        path = PAGES / f"runhook-{command}.1"
        if path.exists():
            assert options_of_page(path.read_text()) == wanted, command
        else:
            assert wanted == set(), command


def test_every_verb_is_in_the_manual(tell):
    for command, verbs in VERBS.items():
        text = page(f"runhook-{command}.1")
        for verb in verbs:
            assert re.search(rf"^\.It Cm {verb}\b", text, re.M), verb
            assert re.search(rf"\b{verb}\b", tell("help", command)), verb


def test_bash_completes_every_command_and_option(tell, commands, options):
    assert complete("runhook ") == {*commands, "--config", "--version", "--help", "-h"}
    assert complete("runhook help ") == set(commands)
    assert complete("runhook --config x ser") == {"serve"}
    for command, wanted in options.items():
        if command == "hooks":
            continue
        proposed = complete(f"runhook {command} -")
        assert proposed == wanted, command
        assert complete(f"runhook {command} ") - proposed >= VERBS.get(command, set()), command
    assert complete("runhook hooks ") == VERBS["hooks"]
    for verb, usage in usage_by_verb(tell("help", "hooks")).items():
        assert complete(f"runhook hooks {verb} -") == {
            *OPTION.findall(usage), *([] if verb == "addresses" else [HOOKS_FOR_TESTS])}, verb


def test_zsh_completes_every_command_and_option(commands, options):
    text = ZSH.read_text()
    for command in commands:
        assert re.search(rf"""^ +['"]{command}:""", text, re.M), command
    wanted = set().union(*options.values()) | {"--config", "--version", "--help"}
    assert set(OPTION.findall(text)) == wanted
    for verbs in VERBS.values():
        for verb in verbs:
            assert re.search(rf"\b{verb}\b", text), verb
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed: tests/install-packages test")
    subprocess.run(["zsh", "-n", ZSH], check=True)


@pytest.mark.parametrize("path", sorted(PAGES.iterdir()), ids=lambda path: path.name)
def test_the_pages_are_well_formed(path):
    if shutil.which("mandoc") is None or shutil.which("man") is None:
        pytest.skip("mandoc or man is not installed: tests/install-packages test")
    lint = subprocess.run(["mandoc", "-Tlint", path], capture_output=True, text=True)
    # Whether other pages are installed is no matter of this one.
    complaints = [line for line in (lint.stdout + lint.stderr).splitlines()
                  if "referenced manual not found" not in line and "mandoc.db" not in line]
    assert complaints == []
    shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path],
                           capture_output=True, text=True, env=environment({"MANROFFSEQ": ""}))
    assert (shown.returncode, shown.stderr) == (0, "")
    names = {name for name in re.findall(r"^\.Xr (runhook\S*) \d", path.read_text(), re.M)}
    assert names <= {other.name.rsplit(".", 1)[0] for other in PAGES.iterdir()}
