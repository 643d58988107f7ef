"""Several processes on one ledger, and several receivers on one Nomad: one child a job."""

import concurrent.futures

import pytest

from .support.deliveries import workflow_job
from .support.load import (check_one_child_each, children_by_job, poster, post_all, short_or_long,
                           wait_until_all_have_children)
from .support.site import processes_of
from .support.waiting import wait_until

COUNT = short_or_long(60, 300)


@pytest.fixture
def two_sites(make_site):
    """Two installations, of which the second uses the Nomad of the first."""
    sites = one, two = make_site(), make_site()
    two.configure("nomad", address=one.nomad.url)
    two.nomad.server.stop()
    two.nomad = one.nomad
    yield sites
    # Before either is closed: what it finds running then and did not start counts as left over.
    for site in sites:
        if site.front is not None:
            site.front.stop()
        for process in site.processes:
            if process.is_running:
                process.stop()


def matrix(count=COUNT):
    return [workflow_job(repository=f"octo/r{n % 7}", name=f"build ({n})") for n in range(count)]


def send_to_both(one, two, deliveries):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for statuses in pool.map(lambda post: post_all(post, deliveries, clients=6), (one, two)):
            assert set(statuses) == {202}


def adoptions(site):
    return site.events(event="dispatch", outcome="adopted")


def test_two_receivers_the_first_on_four_processes(two_sites):
    one, two = two_sites
    front = one.serve("lighttpd_fastcgi")
    wait_until(lambda: len(processes_of(one)) == 4, "lighttpd starts four processes")
    process = two.serve_socket()
    deliveries = matrix()
    send_to_both(front, poster(two, process), deliveries)
    for site in two_sites:
        jobs = wait_until_all_have_children(site, deliveries, short_or_long(40, 100))
        # In both ledgers the runner is the one that lives in the child, whoever made it.
        check_one_child_each(one.nomad, deliveries, jobs)
    assert len(one.nomad.dispatches) == len(deliveries)
    made_by = {child.id: child.json()["runner_name"].split("-")[1] for child in one.nomad.dispatches}
    receivers = [site.events(event="listening")[0]["receiver"] for site in two_sites]
    assert set(made_by.values()) <= set(receivers) and receivers[0] != receivers[1]
    for site, receiver in zip(two_sites, receivers):
        adopted = {line["child"] for line in adoptions(site)}
        assert adopted == {child for child, maker in made_by.items() if maker != receiver}


def test_the_second_receiver_adopts_the_firsts_runner(two_sites):
    one, two = two_sites
    delivery = workflow_job()
    assert poster(one, one.serve_socket())(delivery).status == 202
    job, child = one.wait_for_dispatch(delivery)
    assert poster(two, two.serve_socket())(delivery).status == 202
    theirs, _ = two.wait_for_dispatch(delivery)
    assert theirs["runner"] == job["runner"] == child.json()["runner_name"]
    assert theirs["child"] == job["child"] == child.id
    (line,) = adoptions(two)
    assert line["adopted"] == job["runner"] != line["runner"]
    assert adoptions(one) == []
    check_one_child_each(one.nomad, [delivery])


def test_a_receiver_that_may_not_read_jobs(two_sites):
    """Without read-job it cannot see whose runner it is: one child all the same, and a warning."""
    from standins import AclToken

    one, two = two_sites
    one.nomad.tokens["dispatch-only-token-91"] = AclToken("dispatch-only-token-91",
                                                          {"dispatch-job"})
    two.secret_file("nomad-token", "dispatch-only-token-91")
    delivery = workflow_job()
    assert poster(one, one.serve_socket())(delivery).status == 202
    one.wait_for_dispatch(delivery)
    assert poster(two, two.serve_socket())(delivery).status == 202
    job, child = two.wait_for_dispatch(delivery)
    assert job["child"] == child.id
    assert any("read-job" in line.line for line in two.events(level="warning"))
    check_one_child_each(one.nomad, [delivery])


def test_four_processes_on_one_ledger(site):
    front = site.serve("lighttpd_fastcgi")
    deliveries = matrix()
    # Each twice, as the hooks of a repository and of its organization send them.
    statuses = post_all(front, [delivery for delivery in deliveries for _ in range(2)])
    assert sorted(statuses) == [200] * len(deliveries) + [202] * len(deliveries)
    jobs = wait_until_all_have_children(site, deliveries, short_or_long(30, 90))
    check_one_child_each(site.nomad, deliveries, jobs)
    assert len(children_by_job(site.nomad)) == len(deliveries)
    assert len(site.dispatches_of(deliveries[0])) == 1
    assert len(site.nomad.dispatch_requests()) == len(deliveries)
