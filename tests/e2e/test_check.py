"""`runhook check`: what is wrong with a configuration, where, and what is allowed. The same messages
stop `runhook serve`."""

import re

import pytest

from .support.deliveries import WEBHOOK_SECRET, workflow_job
from .support.site import GITHUB_TOKEN, NOMAD_TOKEN
from .support.waiting import wait_until


def line_of(text, needle):
    return next(number for number, line in enumerate(text.splitlines(), 1) if needle in line)


def test_a_good_configuration(site):
    done = site.run("check")
    assert done.code == 0, done
    for part in (site.ledger_path, site.nomad.url, site.github.url, "linux", "github-runner"):
        assert str(part) in done.stdout
    assert done.stderr == ""
    assert not site.ledger_path.exists(), "checking made a ledger"


def test_what_a_good_configuration_says_of_limits_and_discovery(site):
    site.configure("audit", discover_interval=60, discover_window=3600)
    site.configure("github", repositories="octo-harbor/lighthouse, octo-harbor/.github")
    site.configure("pool linux", max_runners=7, max_pending=3)
    done = site.run("check")
    assert done.code == 0, done
    assert ("discover every 60 s: repositories with a job in the last 3600 s, "
            "and octo-harbor/lighthouse, octo-harbor/.github\n") in done.stdout
    assert "-> Nomad job github-runner, at most 7 runners, 3 of them pending\n" in done.stdout


def test_discovery_that_is_off(site):
    site.configure("audit", discover_interval=0)
    site.configure("github", repositories="octo-harbor/lighthouse")
    done = site.run("check")
    assert done.code == 0, done
    assert "discover off\n" in done.stdout
    assert "octo-harbor/lighthouse" not in done.stdout
    assert "warning: " in done.stderr and "discover_interval is 0" in done.stderr


@pytest.mark.parametrize("place", ["before", "after"])
def test_config_before_or_after_the_command(site, place):
    arguments = ["--config", site.config_path]
    command = [*arguments, "check"] if place == "before" else ["check", *arguments]
    assert site.run(*command, config=False).code == 0


def test_config_from_the_environment(site):
    assert site.run("check", config=False, env={"RUNHOOK_CONFIG": site.config_path}).code == 0


@pytest.mark.parametrize("section, key, value, in_message", [
    ("server", "ledgre", "/x", []),
    ("github", "secret", "/x", []),
    ("nomad", "adress", "http://127.0.0.1", []),
    ("pool linux", "label", "x", []),
    ("pool linux", "max_runner", "1", []),
    ("server", "threads", "0", ["1", "64"]),
    ("server", "threads", "65", ["1", "64"]),
    ("server", "threads", "4x", ["1", "64"]),
    ("server", "threads", "-1", ["1", "64"]),
    ("server", "threads", "99999999999999999999", ["1", "64"]),
    ("server", "dispatchers", "many", ["1", "64"]),
    ("server", "max_body", "1023", ["1024", "26214400"]),
    ("server", "retry_initial", "0", ["1", "3600"]),
    ("server", "retry_max", "86401", ["1", "86400"]),
    ("server", "socket_mode", "0999", []),
    ("server", "listen", "here", []),
    ("server", "runner_prefix", "a b", []),
    ("server", "runner_prefix", "x" * 60, []),
    ("github", "api_url", "api.github.com", ["http"]),
    ("github", "api_url", "ftp://api.github.com", ["http"]),
    ("github", "api_url", "https://user:pass@api.github.com", []),
    ("github", "timeout", "0", ["1"]),
    ("nomad", "address", "127.0.0.1:4646", ["http", "unix"]),
    ("nomad", "address", "file:///etc/passwd", ["http", "unix"]),
    ("nomad", "connect_timeout", "soon", []),
    ("github", "repositories", "lighthouse", ["owner/name"]),
    ("github", "repositories", "octo-harbor/lighthouse, Octo-Harbor/Lighthouse", ["twice"]),
    ("audit", "idle_timout", "600", []),
    ("audit", "interval", "0", ["1", "86400"]),
    ("audit", "discover_window", "3599", ["3600", "31536000"]),
    ("pool linux", "max_pending", "100001", ["0", "100000"]),
    ("pool linux", "labels", ",", []),
    ("pool linux", "max_runners", "0", ["1"]),
    ("pool linux", "require_self_hosted", "maybe", ["yes", "no"]),
    ("pool linux", "meta", "COLOUR", ["RUNNER_NAME"]),
    ("pool linux", "nomad_job", "", []),
], ids=lambda value: value[:20] if isinstance(value, str) else "")
@pytest.mark.parametrize("command", ["check", "serve"])
def test_wrong_key_or_value(site, section, key, value, in_message, command):
    text = site.configure(section, **{key: value})
    arguments = ["serve", "--listen", f"unix:{site.directory}/s"] if command == "serve" else [
        "check"]
    done = site.run(*arguments)
    assert done.code == 1, done
    line = line_of(text, f"{key} = {value}")
    message = next((found for found in done.output.splitlines()
                    if f"{site.config_path}:{line}:" in found), None)
    assert message, done
    assert key in message
    for part in in_message:
        assert part in message, message


@pytest.mark.parametrize("text, in_message", [
    ("[servre]\nthreads = 4\n", "servre"),
    ("threads = 4\n", "section"),
    ("[pool]\nlabels = a\nnomad_job = b\n", "pool"),
    ("[pool two words]\nlabels = a\nnomad_job = b\n", "pool"),
    ("[server\nthreads = 4\n", "["),
    ("[server]\nthreads 4\n", "key = value"),
], ids=["unknown-section", "no-section", "pool-without-name", "pool-name", "bracket", "no-equals"])
def test_wrong_form(site, text, in_message):
    whole = text + "\n" + site.write_config()
    site.write_config(whole)
    done = site.run("check")
    assert done.code == 1
    assert re.search(rf"{re.escape(str(site.config_path))}:\d+: ", done.output), done
    assert in_message in done.output


def test_a_key_twice(site):
    text = site.write_config().replace("retry_max = 2\n", "retry_max = 2\nretry_max = 3\n")
    site.write_config(text)
    done = site.run("check")
    assert done.code == 1
    assert f"{site.config_path}:{line_of(text, 'retry_max = 3')}:" in done.output


def test_a_pool_twice(site):
    text = site.write_config() + "[pool linux]\nlabels = self-hosted\nnomad_job = other\n"
    site.write_config(text)
    done = site.run("check")
    assert done.code == 1
    assert "linux" in done.output


@pytest.mark.parametrize("section, key", [("github", "webhook_secret_file"),
                                          ("github", "token_file"),
                                          ("pool linux", "labels"), ("pool linux", "nomad_job")])
def test_a_required_key_is_missing(site, section, key):
    site.configure(section, **{key: None})
    done = site.run("check")
    assert done.code == 1
    assert key.removesuffix("_file") in done.output


def test_no_pool_in_the_file_is_one_for_self_hosted(site):
    del site.config["pool linux"]
    site.write_config()
    done = site.run("check")
    assert done.code == 0, done
    assert "default" in done.output and "self-hosted" in done.output


def test_every_problem_at_once(site):
    text = site.configure("server", threads=0)
    site.configure("nomad", tokn="x")
    text = site.write_config()
    done = site.run("check")
    assert done.code == 1
    for needle in ("threads = 0", "tokn = x"):
        assert f":{line_of(text, needle)}:" in done.output


def test_no_configuration_file(site):
    site.config_path.unlink()
    done = site.run("check")
    assert done.code == 1
    assert str(site.config_path) in done.output


@pytest.mark.parametrize("value", ["a-secret\x01with-a-control", "a-secret-" + "x" * 20_000],
                         ids=["control", "long"])
def test_a_secret_that_is_none_is_not_shown(site, value):
    site.secrets.add(value[:9])
    text = site.configure("github", token_file=None, token=value)
    done = site.run("check")
    assert done.code == 1
    assert f"{site.config_path}:{line_of(text, 'token = a-secret')}:" in done.output


class TestSecretFiles:
    @pytest.mark.parametrize("section, key", [
        ("github", "webhook_secret_file"), ("github", "token_file"), ("nomad", "token_file"),
        ("nomad", "cf_access_client_secret_file"), ("github", "webhook_secret_previous_file")])
    @pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601, 0o666])
    def test_for_others_to_read(self, site, section, key, mode):
        path = site.secret_file("open", "an-open-secret", mode)
        site.configure(section, **{key: path})
        done = site.run("check")
        assert done.code == 1, done
        assert str(path) in done.output and key in done.output
        started = site.run("serve", "--listen", f"unix:{site.directory}/s")
        assert started.code == 1
        assert str(path) in started.output

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o440])
    def test_for_owner_and_group(self, site, mode):
        path = site.secret_file("shared", "a-shared-secret", mode)
        site.configure("nomad", token_file=path)
        assert site.run("check").code == 0

    def test_missing(self, site):
        path = site.directory / "secrets" / "nowhere"
        site.configure("github", token_file=path)
        for command in (["check"], ["serve", "--listen", f"unix:{site.directory}/s"]):
            done = site.run(*command)
            assert done.code == 1
            assert str(path) in done.output and "token_file" in done.output

    @pytest.mark.parametrize("content", ["", "\n", " \n\t\n"])
    def test_empty(self, site, content):
        path = site.secret_file("empty", "x")
        path.write_text(content)
        site.secrets.discard("x")
        site.configure("github", token_file=path)
        done = site.run("check")
        assert done.code == 1
        assert str(path) in done.output

    def test_a_folder(self, site):
        site.configure("github", token_file=site.directory)
        assert site.run("check").code == 1

    def test_too_large(self, site):
        path = site.secret_file("large", "x" * 100_000)
        site.configure("github", token_file=path)
        assert site.run("check").code == 1

    def test_both_the_value_and_the_file(self, site):
        site.secrets.add("another-token")
        site.configure("github", token="another-token")
        done = site.run("check")
        assert done.code == 1
        assert "token" in done.output

    def test_without_a_line_end_and_with_windows_ones(self, site):
        site.secret_file("github-token", GITHUB_TOKEN).write_bytes(GITHUB_TOKEN.encode())
        site.secret_file("nomad-token", NOMAD_TOKEN).write_bytes(NOMAD_TOKEN.encode() + b"\r\n")
        delivery = workflow_job()
        assert site.serve("nginx").post(delivery).status == 202
        site.wait_for_dispatch(delivery)


class TestEnvironmentAlone:
    def environment(self, site, **changes):
        return {
            "RUNHOOK_LEDGER": site.ledger_path,
            "RUNHOOK_LISTEN": f"unix:{site.directory}/env.sock",
            "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "GITHUB_TOKEN": GITHUB_TOKEN,
            "GITHUB_API_URL": site.github.url,
            "NOMAD_ADDR": site.nomad.url,
            "NOMAD_TOKEN": NOMAD_TOKEN,
            **changes,
        }

    def serve(self, site, environment):
        process = site.start([site.runhook, "serve"], "runhook", env=environment)
        path = site.directory / "env.sock"
        process.address = f"unix:{path}"
        wait_until(lambda: path.exists() or not process.is_running, "the socket is there")
        assert process.is_running, process.output
        return process

    @pytest.mark.skipif("__import__('os').path.exists('/etc/runhook/runhook.conf')",
                        reason="this machine has a configuration in the default place")
    def test_one_pool_for_self_hosted(self, site):
        process = self.serve(site, self.environment(site))
        good, bad = workflow_job(labels=["self-hosted"]), workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(bad).json["status"] == "ignored"
        with site.fastcgi(process) as connection:
            answer = connection.post(good)
        assert (answer.status, answer.json["pool"]) == (202, "default")
        site.nomad.wait_for_children(1)
        assert site.nomad.dispatches[0].parent_id == "github-runner"
        assert site.nomad.dispatches[0].json()["labels"] == ["self-hosted"]

    @pytest.mark.skipif("__import__('os').path.exists('/etc/runhook/runhook.conf')",
                        reason="this machine has a configuration in the default place")
    def test_labels_job_and_secret_files(self, site):
        environment = self.environment(
            site, GITHUB_TOKEN=None, NOMAD_TOKEN=None, GITHUB_WEBHOOK_SECRET=None,
            GITHUB_TOKEN_FILE=site.directory / "secrets/github-token",
            NOMAD_TOKEN_FILE=site.directory / "secrets/nomad-token",
            GITHUB_WEBHOOK_SECRET_FILE=site.directory / "secrets/webhook-secret",
            RUNHOOK_LABELS="self-hosted,linux,x64", RUNHOOK_NOMAD_JOB="github-runner")
        process = self.serve(site, environment)
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.nomad.wait_for_children(1)

    @pytest.mark.skipif("__import__('os').path.exists('/etc/runhook/runhook.conf')",
                        reason="this machine has a configuration in the default place")
    @pytest.mark.parametrize("missing", ["GITHUB_WEBHOOK_SECRET", "GITHUB_TOKEN"])
    def test_what_is_missing_is_named(self, site, missing):
        done = site.run("check", config=False, env=self.environment(site, **{missing: None}))
        assert done.code == 1
        assert missing in done.output

    def test_it_overrides_the_file(self, site):
        site.configure("nomad", address="http://127.0.0.1:1")
        process = site.serve_socket(env={"NOMAD_ADDR": site.nomad.url})
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.wait_for_dispatch(delivery)

    def test_an_error_names_the_variable(self, site):
        done = site.run("check", env={"NOMAD_ADDR": "127.0.0.1:4646"})
        assert done.code == 1
        assert "NOMAD_ADDR" in done.output
