"""What the pages say of the configuration, the commands and the log is what the program has."""

import os
import re
import subprocess

import pytest

from .pages import PROJECT, files, page, pages

SECTIONS = ("server", "github", "nomad", "audit", "access", "pool", "owner")
# Defaults that the page says in words.
IN_WORDS = {("server", "pages_from")}


# -- configurations ---------------------------------------------------------------------------------


def configurations():
    """Every block that is of our configuration, whole or a part of it; others are systemd's units."""
    for found in pages():
        for line, text in found.blocks("ini"):
            sections = re.findall(r"^\[(\w+)", text, re.MULTILINE)
            if sections and set(sections) <= set(SECTIONS):
                yield pytest.param(text, id=f"{found.name}:{line}")


@pytest.fixture(scope="module")
def etc(tmp_path_factory):
    """What stands in /etc/runhook on the pages."""
    folder = tmp_path_factory.mktemp("etc")
    subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-out", folder / "key"],
                   check=True, capture_output=True)
    (folder / "key").chmod(0o600)
    return folder


def secret_files(text, etc):
    for key, name in re.findall(r"^(\w+)_file = /etc/runhook/(\S+)", text, re.MULTILINE):
        if key == "private_key":
            (etc / name).write_bytes((etc / "key").read_bytes())
        else:
            (etc / name).write_text("a-secret-that-is-only-for-this-test\n")
        (etc / name).chmod(0o600)


@pytest.mark.parametrize("text", configurations())
def test_a_configuration_on_a_page_is_good(runhook_path, etc, tmp_path, text):
    secret_files(text, etc)
    path = tmp_path / "runhook.conf"
    path.write_text(text.replace("/etc/runhook/", f"{etc}/"))
    # What a part leaves out comes from the environment, which a whole one is not given.
    env = {"PATH": os.environ["PATH"], "RUNHOOK_LEDGER": str(tmp_path / "ledger.db")}
    if "webhook_secret" not in text:
        env["GITHUB_WEBHOOK_SECRET"] = "a-secret-that-is-only-for-this-test"
    if not re.search(r"^(token|app_id)", text.partition("[nomad]")[0], re.MULTILINE):
        env["GITHUB_TOKEN"] = "ghp_only-for-this-test"
    if "[pool" not in text:
        env["RUNHOOK_LABELS"] = "self-hosted"
    done = subprocess.run([runhook_path, "--config", path, "check"], env=env, capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == "", done


def test_there_are_whole_configurations():
    whole = [block for block in configurations()
             if all(f"[{section}" in block.values[0] for section in ("github", "nomad", "pool"))]
    assert len(whole) >= 3


# -- the table of keys ------------------------------------------------------------------------------


def keys_of_the_program():
    """{(section, key): text of its row} of cgi/config/keys.c."""
    source = (PROJECT / "cgi/config/keys.c").read_text()
    table = source[source.index("config_keys[] = {"):source.index("config_keys_len")]
    starts = [*re.finditer(rf"^    ({'|'.join(SECTIONS).upper()})\(\"(\w+)\"", table, re.MULTILINE)]
    ends = [start.start() for start in starts[1:]] + [len(table)]
    return {(start.group(1).lower(), start.group(2)): table[start.end():end]
            for start, end in zip(starts, ends)}


def keys_of_the_page():
    """{(section, key): cells} of docs/configuration.md; a secret's key may be named by its file."""
    keys, section = {}, None
    for cells in page("docs/configuration.md").rows():
        if len(cells) != 6:
            continue
        if found := re.match(r"`\[(\w+)", cells[0]):
            section = found.group(1)
        for key in re.findall(r"`(\w+)`", cells[1]):
            keys[section, key.removesuffix("_file") if key == "private_key_file" else key] = cells
    return keys


def test_every_key_is_on_the_page():
    assert set(keys_of_the_page()) == set(keys_of_the_program())


def test_defaults_ranges_and_variables():
    program, wrong = keys_of_the_program(), []
    for name, cells in keys_of_the_page().items():
        row = program.get(name, "")
        _, _, default, span, variable, _ = cells
        fallback = "".join(re.findall(r"\.fallback =((?:\s*\"[^\"]*\")+)", row))
        fallback = "".join(re.findall(r"\"([^\"]*)\"", fallback))
        least, most = (re.search(rf"\.{bound} = (\d+)", row) for bound in ("min", "max"))
        if fallback and name not in IN_WORDS and default.strip("`") != fallback:
            wrong.append(f"{name}: the default is {fallback}, not {default}")
        if least and most and span.split(",")[0] != f"{least.group(1)} to {most.group(1)}":
            wrong.append(f"{name}: the range is {least.group(1)} to {most.group(1)}, not {span}")
        wanted = re.search(r"\.environment = \"(\w+)\"", row)
        if wanted and wanted.group(1) not in variable:
            wrong.append(f"{name}: the variable is {wanted.group(1)}, not {variable}")
    assert not wrong, "\n".join(wrong)


def fallbacks():
    """{(section, key): default} of the keys that have one, as the program has it."""
    found = {}
    for name, row in keys_of_the_program().items():
        literal = re.search(r"\.fallback =((?:\s*\"[^\"]*\")+)", row)
        if literal:
            found[name] = "".join(re.findall(r"\"([^\"]*)\"", literal.group(1)))
    return found


def keys_of_the_manual():
    """{(section, key): its text} of runhook.conf(5), on one line and without macros."""
    text = (PROJECT / "docs/man/runhook.conf.5").read_text()
    keys = {}
    for section in re.split(r"^\.S[sh] ", text, flags=re.MULTILINE):
        title = re.match(r"Section (\w+)", section)
        items = re.split(r"^\.It Cm ", section, flags=re.MULTILINE)[1:] if title else []
        for item in items:
            words = re.sub(r"^\.[A-Z]\w ", "", item, flags=re.MULTILINE).split()
            keys[title.group(1), words[0]] = " ".join(words[1:])
    return keys


def test_the_manual_has_every_key_and_default():
    manual = keys_of_the_manual()
    assert set(manual) == set(keys_of_the_program())
    wrong = [(name, default) for name, default in fallbacks().items() if name not in IN_WORDS and
             not re.search(rf"Default: {re.escape(default)}(?![\w/])", manual[name])]
    assert not wrong


def test_the_package_s_configuration_has_every_key_and_default():
    values, section = {}, None
    for line in (PROJECT / "packaging/runhook.conf").read_text().splitlines():
        if found := re.match(r"#?\[(\w+)", line):
            section = found.group(1)
        elif found := re.match(r"#?(\w+) = (.+)", line):
            key = found.group(1)
            values[section, key] = values[section, key.removesuffix("_file")] = found.group(2)
    assert set(keys_of_the_program()) - set(values) == set()
    wrong = {name: values[name] for name, default in fallbacks().items() if values[name] != default}
    assert not wrong


# -- commands and log -------------------------------------------------------------------------------


def test_every_command_is_on_the_page(runhook_path):
    text = subprocess.run([runhook_path, "help"], capture_output=True, text=True, check=True,
                          timeout=30).stdout
    commands = re.findall(r"^  ([a-z]+)  ", text, re.MULTILINE)
    listed = re.findall(r"^runhook ([a-z]+)", page("docs/reference.md").text, re.MULTILINE)
    assert "serve" in commands and set(commands) == set(listed)


def test_every_event_is_on_the_page():
    events = set()
    for path in files("*.c", below=PROJECT / "cgi"):
        if path.parent.name != "log":
            calls = re.findall(r"\blog_(?:begin|message)\([^;]*?\"([a-z_]+)\"", path.read_text())
            events.update(calls)
    rows = [cells[0] for cells in page("docs/reference.md").rows() if len(cells) == 2]
    listed = {name for cell in rows for name in re.findall(r"`([a-z_]+)`", cell)}
    assert "delivery" in events and events <= listed, events - listed
