"""Several workers on one PostgreSQL, with the real programs: kill -9, a pause, and the database's own restart."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from tests.postgresql import Cluster
from tests.system.workers import Gateways, Workers

pytestmark = pytest.mark.system

NAMES = [f"gw-{number}" for number in range(1, 6)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The PostgreSQL of these tests."""
    made = Cluster()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def workers(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """A broker and an empty database; each test says which workers it needs."""
    made = Workers(tmp_path_factory.mktemp("workers"), cluster.new(empty=True), NAMES)
    yield made
    made.end()


def test_two_workers_share_the_gateways_fairly(workers: Workers) -> None:
    """The first one takes all; the second gets its share without a clock running out; a clean end gives it back. Both
    show the whole kitchen, and one of them sends each alert, once."""
    workers.run("one")
    workers.until(lambda: workers.holds("one") == set(NAMES), "the first to take all")
    workers.run("one", "two")
    workers.until(lambda: len(workers.holds("two")) == 2, "the second to get its share")
    assert len(workers.holds("one")) == 3
    assert workers.holds("one") | workers.holds("two") == set(NAMES)
    known = workers.ask("SELECT count(*) FROM alert")[0][0] - workers.alarms()
    gateways = Gateways(workers, 60, warm_c=12.0, every_s=60)
    workers.until(lambda: gateways.done, "every row to be stored")
    gateways.end()
    for name in ("one", "two"):
        workers.until(lambda name=name: workers.shown(name) == set(NAMES), f"{name} to show what all have sent")
    workers.until(lambda: workers.ask("SELECT count(*) FROM alert WHERE sent_ms IS NULL") == [(0,)], "the alerts")
    hot = workers.ask("SELECT count(DISTINCT sensor) FROM incident WHERE rule = 'chiller-very-hot'")
    assert hot == [(len(NAMES),)]
    workers.programs["one"].send_signal(signal.SIGTERM)
    assert workers.programs["one"].wait(timeout=60) == 0
    workers.until(lambda: workers.holds("two") == set(NAMES), "the second to take over")
    workers.compare_record(gateways)
    assert workers.ask("SELECT count(*) FROM alert")[0][0] - workers.alarms() == known


def test_kill_9_in_the_middle_hands_the_gateways_over(workers: Workers) -> None:
    """One of two dies amid its batches, then the other: whoever lives goes on, and no row is lost or doubled."""
    workers.run("one", "two")
    gateways = Gateways(workers, 1_500)
    for victim, stored in (("one", 100), ("two", 800)):
        workers.until(lambda stored=stored: min(gateways.upto.values()) >= stored, f"{stored} rows of each")
        workers.programs[victim].kill()
        workers.programs[victim].wait()
        other = "two" if victim == "one" else "one"
        workers.until(lambda other=other: workers.holds(other) == set(NAMES), "the other one to take over")
        workers.run("one", "two")
    workers.until(lambda: gateways.done, "every row to be stored")
    gateways.end()
    workers.compare_record(gateways)


def test_a_paused_worker_commits_nothing_of_what_it_lost(workers: Workers) -> None:
    """Stopped amid its batches beyond its lease, then continued: its group is undone by the database, its gateways are
    another one's, and it goes on with what is its own then."""
    workers.run("one", "two")
    gateways = Gateways(workers, 1_500)
    workers.until(lambda: min(gateways.upto.values()) >= 60, "some rows of each")
    workers.programs["one"].send_signal(signal.SIGSTOP)
    try:
        workers.until(lambda: workers.holds("two") == set(NAMES), "the other one to take over")
        workers.until(lambda: min(gateways.upto.values()) >= 200, "rows of all gateways through the other one")
    finally:
        workers.programs["one"].send_signal(signal.SIGCONT)
    workers.until(lambda: workers.holds("one") and workers.holds("one") != set(NAMES), "it to have its share again")
    workers.until(lambda: gateways.done, "every row to be stored")
    gateways.end()
    workers.compare_record(gateways)


def test_the_databases_restart_is_only_a_pause(workers: Workers, cluster: Cluster) -> None:
    """It is killed as by a power cut, amid the batches: while it is away nobody is told that a row is safe; then all
    goes on by itself, and what was told is there."""
    workers.run("one", "two")
    gateways = Gateways(workers, 1_500)
    workers.until(lambda: min(gateways.upto.values()) >= 100, "some rows of each")
    cluster.stop(signal.SIGQUIT)
    try:
        workers.until(lambda: not workers.health("one")["ok"] and not workers.health("two")["ok"], "both to say so")
        told, count, gateways.resent = gateways.upto, len(gateways.answered), 0
        workers.until(lambda: gateways.resent, "the gateways to send again")
        assert len(gateways.answered) == count
    finally:
        cluster.start()
    found = dict(workers.ask("SELECT gateway, max(sequence) FROM reading GROUP BY gateway"))
    assert all(found[name] >= upto for name, upto in told.items())
    workers.until(lambda: gateways.done, "every row to be stored")
    gateways.end()
    workers.compare_record(gateways)
