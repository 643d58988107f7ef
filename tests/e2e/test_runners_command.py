"""runhook runners: what it tells of supply, and giving up a runner whose end nobody can see."""

import json
import re

import pytest

from standins import alloc_metric

from .support.deliveries import workflow_job
from .support.load import poster
from .support.waiting import wait_until

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MEMBERS = {"name", "state", "repository", "pool", "job_id", "made_for", "child", "github_id",
           "created_at", "sent_at", "placed_at", "changed_at", "next_look_at", "note"}


@pytest.fixture
def site(make_site):
    """An audit that comes soon; no task runs, so that nothing registers with GitHub."""
    site = make_site(nomad={"placement": "never"})
    site.configure("audit", interval=1, interval_max=1)
    return site


def tell(site, delivery, status):
    if not site.processes:
        site.serve_socket()
    assert poster(site, site.processes[-1])(delivery).status == status
    return delivery


def dispatched(site, **fields):
    delivery = tell(site, workflow_job(**fields), 202)
    job, child = site.wait_for_dispatch(delivery)
    return delivery, job["runner"], child


def cancel(site, delivery):
    tell(site, workflow_job("completed", id=delivery.id, conclusion="cancelled", runner_id=None,
                            runner_name=None), 200)


def runners(site, *options):
    done = site.run("runners", "--json", *options)
    assert (done.code, done.stderr) == (0, "")
    (name, listed), = json.loads(done.stdout).items()
    assert name == "runners"
    assert all(set(runner) == MEMBERS for runner in listed)
    return {runner["name"]: runner for runner in listed}


def wait_for_state(site, name, state):
    return wait_until(lambda: (found := runners(site, "--all")[name])["state"] == state and found,
                      f"{name} is {state}")


@pytest.fixture
def stuck(site):
    """A runner that is to be taken away, in a repository that GitHub lets nobody see any more."""
    delivery, name, child = dispatched(site)
    site.github.denied.add(delivery.repository)
    cancel(site, delivery)
    wait_for_state(site, name, "retiring")
    site.wait_for_event(event="audit", runner=name, upstream="github")
    return delivery, name, child


class TestShows:
    def test_none(self, site):
        site.serve_socket()
        assert runners(site) == {}
        done = site.run("runners")
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout.split() == ["RUNNER", "STATE", "AGE", "REPOSITORY", "POOL", "JOB",
                                       "NOMAD", "JOB", "NOTE"]

    def test_a_live_one(self, site):
        delivery, name, child = dispatched(site)
        found = runners(site)[name]
        assert found == {**found, "state": "live", "repository": delivery.repository,
                         "pool": "linux", "job_id": delivery.id, "made_for": delivery.id,
                         "child": child.id, "github_id": None, "placed_at": None}
        for member in ("created_at", "sent_at", "changed_at", "next_look_at"):
            assert ISO.fullmatch(found[member]), member
        (line,) = [line for line in site.run("runners").stdout.splitlines() if name in line]
        assert re.match(rf"{name} +live +\d+s +{delivery.repository} +linux +{delivery.id} +"
                        rf"{re.escape(child.id)} ", line)

    def test_its_placement(self, site):
        _, name, child = dispatched(site)
        site.nomad.place(child)
        wait_until(lambda: runners(site)[name]["placed_at"], "it is seen on a node")
        assert ISO.fullmatch(runners(site)[name]["placed_at"])

    def test_what_the_last_look_found(self, site):
        site.nomad.on_dispatch = lambda child: site.nomad.fail_to_place(
            child, alloc_metric(nodes=2, exhausted={"memory": 2}))
        _, name, _ = dispatched(site)
        note = wait_until(lambda: runners(site)[name]["note"], "the audit finds why it waits")
        assert "2 nodes: memory exhausted" in note
        assert "2 nodes: memory exhausted" in site.run("runners").stdout

    def test_the_gone_ones_with_all_alone(self, site):
        delivery, name, _ = dispatched(site)
        cancel(site, delivery)
        wait_until(lambda: name not in runners(site), "it is gone")
        gone = runners(site, "--all")[name]
        assert (gone["state"], gone["next_look_at"]) == ("gone", None)
        assert name not in site.run("runners").stdout
        assert name in site.run("runners", "--all").stdout
        _, other, _ = dispatched(site)
        assert list(runners(site, "--all")) == [other, name]

    def test_oldest_first(self, site):
        names = [dispatched(site)[1] for _ in range(3)]
        assert list(runners(site)) == names

    def test_without_secrets(self, site):
        _, name, _ = dispatched(site)
        for path in (site.directory / "secrets").iterdir():
            path.unlink()
        assert list(runners(site)) == [name]

    def test_while_the_ledger_is_locked(self, site):
        _, name, _ = dispatched(site)
        with site.locked_ledger():
            assert list(runners(site)) == [name]


class TestForget:
    def test_one_that_cannot_be_seen_off(self, site, stuck):
        _, name, child = stuck
        done = site.run("runners", "forget", name)
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout == f"runner {name} is given up: the ledger takes it for gone\n"
        assert runners(site) == {}
        assert runners(site, "--all")[name]["state"] == "gone"

    def test_it_makes_room_in_the_pool(self, site):
        site.configure("pool linux", max_runners=1)
        delivery, name, _ = dispatched(site)
        site.github.denied.add(delivery.repository)
        cancel(site, delivery)
        wait_for_state(site, name, "retiring")
        other = tell(site, workflow_job(repository="octo/other"), 202)
        wait_until(lambda: site.run("runners", "forget", name).code == 0, "it is given up")
        site.wait_for_dispatch(other)

    def test_twice(self, site, stuck):
        _, name, _ = stuck
        assert site.run("runners", "forget", name).code == 0
        done = site.run("runners", "forget", name)
        assert (done.code, done.stdout) == (1, "")
        assert f"runner {name} is gone" in done.stderr

    def test_one_that_a_job_counts_on(self, site):
        delivery, name, _ = dispatched(site)
        done = site.run("runners", "forget", name)
        assert (done.code, done.stdout) == (1, "")
        assert f"runner {name} is live" in done.stderr
        assert runners(site)[name]["job_id"] == delivery.id

    def test_one_that_runs_a_job(self, site):
        delivery, name, child = dispatched(site)
        site.nomad.place(child)
        tell(site, workflow_job("in_progress", id=delivery.id, runner_name=name), 200)
        assert site.run("runners", "forget", name).code == 1
        assert runners(site)[name]["state"] == "busy"

    def test_several_of_which_one_is_unknown(self, site, stuck):
        _, name, _ = stuck
        done = site.run("runners", "forget", "nobody\x1b[2J", name)
        assert done.code == 1
        assert 'there is no runner "nobody\\u{1b}[2J" in the ledger' in done.stderr
        assert f"runner {name} is given up" in done.stdout


class TestRefuses:
    @pytest.mark.parametrize("arguments", [
        ["forget"], ["remove", "x"], ["x"], ["--json", "--json"], ["--json", "forget", "x"],
        ["--gone"]], ids=" ".join)
    def test_usage(self, site, arguments):
        done = site.run("runners", *arguments)
        assert (done.code, done.stdout) == (2, "")
        assert "usage: runhook [--config FILE] runners" in done.stderr

    @pytest.mark.parametrize("arguments", [[], ["--json"], ["forget", "x"]], ids=" ".join)
    def test_no_ledger_is_made(self, site, arguments):
        done = site.run("runners", *arguments)
        assert done.code == 1 and str(site.ledger_path) in done.stderr
        assert not site.ledger_path.exists()

    def test_a_ledger_that_is_locked(self, site, stuck):
        with site.locked_ledger():
            done = site.run("runners", "forget", stuck[1])
        assert (done.code, done.stdout) == (1, "")
        assert "locked" in done.stderr
