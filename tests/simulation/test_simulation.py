"""The program in a simulated world, over many seeds; and that the world's checks can fail.

RUNHOOK_SIMULATION_SEEDS is how many seeds are played (60, or 240 with the long tests),
RUNHOOK_SIMULATION_SEED the only one.
"""

import concurrent.futures
import multiprocessing
import os
import re
import sqlite3
import traceback

import pytest

from .checks import Ledger, final_violations, summary
from .driver import find_driver
from .forge import STRANGER
from .oracle import Oracle
from .settings import REPOSITORIES, Settings
from .world import World

SEEDS_DEFAULT = 240 if os.environ.get("RUNHOOK_TEST_LONG") == "1" else 60

if os.environ.get("RUNHOOK_SIMULATION_SEED"):
    SEEDS = [int(os.environ["RUNHOOK_SIMULATION_SEED"])]
else:
    SEEDS = range(1, 1 + int(os.environ.get("RUNHOOK_SIMULATION_SEEDS") or SEEDS_DEFAULT))


# -- the program ----------------------------------------------------------------------------------


def play(seed, driver):
    """In a process of its own: (violations, summary)."""
    try:
        with World(seed, driver) as world:
            return world.run(), summary(world)
    except Exception:
        return [traceback.format_exc()], {}


def keep_to_one_processor(numbers):
    """A world and its program take turns, which costs least on one processor."""
    os.sched_setaffinity(0, {numbers.get()})


@pytest.fixture(scope="module")
def driver(request):
    path = find_driver(runhook=request.config.getoption("--runhook"))
    assert os.access(path, os.X_OK), f"no program at {path}: build simulation_driver"
    return path


@pytest.fixture(scope="module")
def plays(driver):
    """The result of each seed, as far as it is there: as many at once as there are processors."""
    context = multiprocessing.get_context("spawn")
    processors = sorted(os.sched_getaffinity(0))
    numbers = context.SimpleQueue()
    for number in processors:
        numbers.put(number)
    with concurrent.futures.ProcessPoolExecutor(
            len(processors), context, initializer=keep_to_one_processor,
            initargs=(numbers,)) as pool:
        yield {seed: pool.submit(play, seed, driver) for seed in SEEDS}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_demand_is_served_and_supply_ends(seed, plays, driver):
    violations, numbers = plays[seed].result()
    assert not violations, "\n".join(
        [f"seed {seed}: {len(violations)} violations", *violations[:20], str(numbers),
         f"play it again: cd tests && /usr/bin/python3 -m simulation {seed} --driver {driver}"])
    assert numbers["jobs"] >= 100


def test_the_seeds_do_what_they_are_for(plays):
    """Over all seeds together: so many cancels, losses, kills."""
    if len(SEEDS) < 20:
        pytest.skip("too few seeds to judge by")
    numbers = [play.result()[1] for play in plays.values() if play.result()[1]]

    def share(part, whole):
        return sum(each[part] for each in numbers) / sum(each[whole] for each in numbers)

    assert 0.15 < share("cancelled", "jobs") < 0.25
    assert 0.08 < share("deliveries_lost", "deliveries_sent") < 0.25  # some seeds lose every one
    assert 0.05 < share("deliveries_doubled", "deliveries_sent") < 0.15
    assert 0.02 < share("children_lost", "children") < 0.08
    for what in ("again", "children_replaced", "children_refused", "kills"):
        assert sum(each[what] for each in numbers) > 0, what
    assert max(each["busiest_hour"] for each in numbers) < 5000


def test_a_seed_plays_the_same_again(driver):
    """The log has real durations in it, so it is left out."""
    def tale():
        lines = []
        with World(7, driver, tell=lines.append) as world:
            world.run()
        return [line for line in lines if "  log: " not in line]

    first, second = tale(), tale()
    assert len(first) > 1000
    differing = [pair for pair in zip(first, second) if pair[0] != pair[1]]
    assert not differing, differing[:3]
    assert len(first) == len(second)


# -- the world ------------------------------------------------------------------------------------


def violations_of(program, seed=1, **changes):
    settings = Settings(seed)
    vars(settings).update(changes)
    with World(seed, program, settings=settings) as world:
        return world.run()


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_program_that_sees_everything_passes(seed):
    assert violations_of(Oracle, seed) == []


class Idle(Oracle):
    def work(self):
        pass


class Untidy(Oracle):
    """Leaves the registrations of the dead."""

    def clean_up(self):
        pass


class Hasty(Untidy):
    """Stops a child that is idle, without a word to GitHub."""

    def work(self):
        super().work()
        for task in list(self.world.cluster.tasks.values()):
            if task.is_alive and task.session is not None and task.session.job is None:
                self.stop(task.child)


class Wasteful(Oracle):
    """Makes a runner that nobody asked for, and leaves it."""

    has_wasted = False

    def work(self):
        super().work()
        forge = self.world.forge
        if forge.is_demand_over and not (forge.pending or self.has_wasted):
            self.has_wasted = True
            self.dispatch(REPOSITORIES[4])

    def retire(self, child):
        pass


class Late(Wasteful):
    """As wasteful, but for two hours."""

    def retire(self, child):
        if self.world.timeline.seconds() > child.submitted_at + 2 * 3600:
            Oracle.retire(self, child)


class Brutal(Oracle):
    """Stops a child in which a job runs."""

    has_stopped = False

    def work(self):
        super().work()
        busy = [task for task in self.world.cluster.tasks.values()
                if task.is_alive and task.session is not None and task.session.job is not None]
        if busy and not self.has_stopped:
            self.has_stopped = True
            self.stop(busy[0].child)


class Meddling(Oracle):
    """Deletes what is not its own."""

    def work(self):
        super().work()
        for runner in list(self.world.forge.actions.runners.values()):
            if runner.name == STRANGER:
                self.delete(runner)


class Sweeping(Oracle):
    """Stops the parameterized job itself."""

    def work(self):
        super().work()
        if self.world.forge.is_demand_over:
            self.ask_nomad("DELETE", "/v1/job/runner-gpu")


class Deaf(Oracle):
    def deliver(self, *_):
        return 503


class Unknown(Oracle):
    """Asks with a token that is none."""

    def work(self):
        super().work()
        if self.world.forge.is_demand_over:
            self.ask_github("GET", "/repos/octo-harbor/lighthouse/actions/runners", "wrong")


@pytest.mark.parametrize("program, expected, changes", [
    (Idle, r"job \d+ \(.*\) is still queued", {}),
    (Hasty, r"runner oracle-\d+ \(\d+\) is still registered", {"children_lost": 0}),
    (Wasteful, r"child runner-gpu/dispatch-\S+ of oracle-\d+ is still running", {}),
    (Untidy, r"runner oracle-\d+ \(\d+\) is still registered, offline", {"children_lost": 0.3}),
    (Brutal, r"was stopped while job \d+ ran in it", {}),
    (Meddling, r"workshop-1 was deleted, which is somebody else's", {"stranger": True}),
    (Sweeping, r"the parameterized job runner-gpu was stopped", {}),
    (Late, r"m-sailor/dotfiles has runners \d+ s after its last job's end", {}),
    (Deaf, r"(queued|in_progress|completed) of job \d+ was answered 503", {}),
    (Unknown, r"GET /repos/octo-harbor/lighthouse/actions/runners -> 401", {}),
], ids=lambda value: getattr(value, "__name__", ""))
def test_what_goes_wrong_is_seen(program, expected, changes):
    violations = violations_of(program, **changes)
    assert any(re.search(expected, text) for text in violations), violations[:10]


def test_giving_up_is_seen():
    """GitHub cancels what waits for a day; a job that nobody served is not one that ran."""
    with World(1, Idle) as world:
        world.run()
        world.timeline.advance(24 * 3600)
        violations = list(final_violations(world))
    assert any(re.search(r"GitHub gave job \d+ up after 24 hours", text) for text in violations)


@pytest.fixture
def ledger(tmp_path):
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.executescript(
        "CREATE TABLE job (id INTEGER, state TEXT, runner TEXT, last_error TEXT);"
        "CREATE TABLE runner (name TEXT, job_id INTEGER, state TEXT, child TEXT);")
    connection.commit()
    reader = Ledger(tmp_path / "ledger.db")
    yield connection, reader
    reader.close()
    connection.close()


@pytest.mark.parametrize("jobs, runners, unrest, doubled", [
    ([], [], 0, 0),
    ([(1, "done"), (2, "failed"), (3, "expired")], [("a", 1, "gone")], 0, 0),
    ([(1, "queued")], [], 1, 0),
    ([(1, "assigned")], [("a", 1, "live")], 2, 0),
    ([(1, "running")], [("a", 1, "busy")], 2, 0),
    ([(1, "done")], [("a", 1, "leaving"), ("b", None, "retiring")], 2, 0),
    ([(1, "assigned")], [("a", 1, "live"), ("b", 1, "sent")], 3, 1),
    ([(1, "assigned")], [("a", 1, "live"), ("b", 1, "live"), ("c", 1, "gone")], 3, 1),
    ([(1, "running")], [("a", 1, "busy"), ("b", 1, "leaving")], 3, 0),
])
def test_the_ledger_is_judged(ledger, jobs, runners, unrest, doubled):
    connection, reader = ledger
    connection.executemany("INSERT INTO job (id, state) VALUES (?, ?)", jobs)
    connection.executemany("INSERT INTO runner (name, job_id, state) VALUES (?, ?, ?)", runners)
    connection.commit()
    assert len(reader.unrest()) == unrest
    assert reader.is_at_rest() == (unrest == 0)
    assert len(reader.doubled_jobs()) == doubled
