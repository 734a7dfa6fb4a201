"""Which worker writes for which gateway: the division, and two workers' memories against what the journal says."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from tests.server.conftest import BOOK, NewAddress
from tests.server.sender import BOOT, Sender, temperature
from tests.server.test_rebuild import BOOTS, items, rebuilt

from pawon_contract.messages import ClockFix
from pawon_server.ingest.acceptance import Acceptance, Incoming, OwnEntry
from pawon_server.ingest.share import ALERTS, GATEWAY, LEASE_MS, Lease, Share, Turn, divide
from pawon_server.projections.context import Changes
from pawon_server.projections.projector import AlertSent
from pawon_server.rulebook import Rulebook
from pawon_server.store.database import Store, open_store
from pawon_server.store.tables import alert, lease
from pawon_server.store.turn import DUTY, WORKER

STORES = ("postgresql",)
KITCHEN = "dapur-uji"
NOW = 1_000_000
# The second chiller and the second scale belong to another gateway.
TWO = msgspec.structs.replace(
    BOOK,
    settings=msgspec.structs.replace(
        BOOK.settings,
        sensors=[
            msgspec.structs.replace(sensor, gateway=f"gw-{sensor.id[-1]}") for sensor in BOOK.settings.sensors
        ],
    ),
)  # fmt: skip


@given(
    gateways=st.sets(st.sampled_from("abcdefgh"), min_size=1),
    moves=st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), st.integers(0, 2 * LEASE_MS)), max_size=30),
)
def test_a_gateway_belongs_to_one_worker_and_nobody_holds_more_than_a_share(
    gateways: set[str], moves: list[tuple[str, int]]
) -> None:
    """Whoever looks whenever: no gateway has two holders, every free one is taken while somebody may, and after a look
    nobody keeps more than the living ones' fair share."""
    rows: list[Lease] = []
    now_ms = NOW
    for worker, later_ms in moves:
        now_ms += later_ms
        share = divide(rows, worker=worker, gateways=gateways, duties=(ALERTS,), now_ms=now_ms)
        kept = share.held - share.given
        living = {worker} | {row.name for row in rows if row.kind == WORKER and row.until_ms > now_ms}
        fair = -(-len(gateways) // len(living))
        mine = {name for kind, name in kept if kind == GATEWAY}
        assert len(mine) <= fair
        before = {(row.kind, row.name): row for row in rows if row.worker != worker and row.until_ms > now_ms}
        assert not share.held & before.keys(), "what another one holds is not touched"
        free = gateways - mine - {name for kind, name in before if kind == GATEWAY}
        assert not free or len(mine) == fair
        rows = [row for row in before.values() if row.kind != WORKER or row.name != worker]
        rows += [
            Lease(kind=kind, name=name, worker=worker, until_ms=now_ms + LEASE_MS)
            for kind, name in [*kept, (WORKER, worker)]
        ]
        assert len({(row.kind, row.name) for row in rows}) == len(rows)
        assert sum(row.kind == DUTY for row in rows) == 1


def test_a_lease_that_ran_out_is_its_holders_until_another_one_takes_it() -> None:
    """Time alone takes nothing away: a worker that looks late and finds its rows still there simply goes on."""
    rows = [Lease(kind=GATEWAY, name="a", worker="one", until_ms=NOW - 1)]
    mine = divide(rows, worker="one", gateways={"a"}, duties=(), now_ms=NOW)
    assert (mine.held, mine.taken) == ({(GATEWAY, "a")}, set())
    theirs = divide(rows, worker="two", gateways={"a"}, duties=(), now_ms=NOW)
    assert (theirs.held, theirs.taken) == ({(GATEWAY, "a")}, {(GATEWAY, "a")})


def test_a_gateway_that_is_not_configured_any_more_is_given_back() -> None:
    """After a change of the configuration nobody holds what nobody knows."""
    rows = [Lease(kind=GATEWAY, name="old", worker="one", until_ms=NOW + 1)]
    assert divide(rows, worker="one", gateways={"a"}, duties=(), now_ms=NOW).given == {(GATEWAY, "old")}


class Worker:
    """What a worker does in one transaction, without thread and clock."""

    def __init__(self, store: Store, name: str, utc_ms: Callable[[], int]) -> None:
        self.store = store
        self.share = Share(KITCHEN, name, {"gw-1", "gw-2"}, (ALERTS,))
        self.acceptance = Acceptance(KITCHEN, store.epoch, utc_ms)

    def turn(self, work: Callable[[Turn, Worker, object], None], *, commit: bool = True) -> Turn:
        """One transaction, as ``Writer._commit`` makes it; without ``commit`` the store fails at its end."""
        with self.store.writer.connect() as connection, connection.begin() as transaction:
            turn = self.share.begin(connection)
            self.acceptance.catch_up(connection, turn.gateways, anew=turn.anew)
            work(turn, self, connection)
            self.acceptance.flush(connection)
            if not commit:
                transaction.rollback()
        if commit:
            self.share.committed(turn)
        else:
            self.share.forget()
        return turn


@pytest.mark.parametrize("seed", range(4))
def test_whoever_writes_the_tables_are_what_the_journal_says(stores: NewAddress, seed: int) -> None:
    """Two workers in any turns, their leases given back, run out or taken, groups rolled back, configurations adopted,
    silence declared: derived again from the journal alone, every table is the same row for row."""
    chance = random.Random(seed)
    address, now_ms = stores(), [1_760_000_000_000]
    workers = [Worker(open_store(address), name, lambda: now_ms[0]) for name in ("one", "two")]
    books = [TWO, msgspec.structs.replace(TWO, settings=msgspec.structs.replace(
        TWO.settings, sensors=TWO.settings.sensors[1:]))]  # fmt: skip

    def adopt(book: Rulebook) -> Callable[..., None]:
        return lambda _, worker, connection: worker.acceptance.adopt(connection, book, Changes())

    workers[0].turn(adopt(TWO))
    senders = {
        name: Sender(spool=f"{number:020x}", boot=BOOTS[0], clock="guess").add(*items(chance, 80, BOOTS[0]))
        for number, name in enumerate(("gw-1", "gw-2"))
    }
    upto = dict.fromkeys(senders, 0)
    taken, refused = set(), 0

    def send(turn: Turn, worker: Worker, connection: object) -> None:
        nonlocal refused
        for name, sender in senders.items():
            if name not in turn.gateways:
                refused += 1
                continue
            first = chance.randint(max(1, upto[name] - 3), upto[name] + 1)
            last = min(len(sender.rows), first + chance.randint(0, 8))
            if first <= last:
                payload = sender.batch(first, last, sent_ms=chance.choice([10**9, last * 60_000]))
                incoming = Incoming(gateway=name, payload=payload, received_ms=now_ms[0])
                reply, _ = worker.acceptance.incoming(connection, incoming, Changes(), project=True)  # type: ignore[arg-type]
                answers[name] = reply.message.upto
                taken.add((name, worker.share.worker))

    def tell(_: Turn, worker: Worker, connection: object) -> None:
        due = connection.execute(select(alert.c.id).where(alert.c.sent_ms.is_(None)).limit(3)).scalars().all()  # type: ignore[attr-defined]
        for name in due:
            payload = msgspec.json.encode(AlertSent(alert=name, channel="log", sent_ms=now_ms[0]))
            worker.acceptance.own(connection, OwnEntry(kind="alert_sent", payload=payload), Changes())  # type: ignore[arg-type]

    for _ in range(90):
        worker, happening = chance.choice(workers), chance.random()
        now_ms[0] += chance.choice([0, 1_000, 60_000, 900_000])
        if happening < 0.6:
            answers: dict[str, int] = {}
            commit = chance.random() > 0.1
            worker.turn(send, commit=commit)
            if commit:
                upto |= answers
        elif happening < 0.75:
            worker.turn(lambda _, one, connection: one.acceptance.look_at_clock(connection, Changes()))
        elif happening < 0.82:
            worker.turn(tell)
        elif happening < 0.86:
            worker.turn(adopt(chance.choice(books)))
        elif happening < 0.93:
            with worker.store.writer.begin() as connection:
                worker.share.give_back(connection)
        else:  # its time has run out, and somebody may take what it had
            with worker.store.writer.begin() as connection:
                connection.execute(lease.update().where(lease.c.worker == worker.share.worker).values(until_ms=1))
    assert refused, "each of them met a gateway of the other one"
    assert len(taken) == 4, "each gateway was written for by both"
    with workers[0].store.reader.connect() as connection:
        stored = dict(tuple(row) for row in connection.execute(text("SELECT gateway, upto FROM spool")))
    assert stored == upto
    result = rebuilt(address)
    assert result.finding is None
    assert [table for table in result.tables if not table.same] == []
    for worker in workers:
        worker.store.close()


def test_a_clock_fix_is_one_gateways_own(stores: NewAddress) -> None:
    """Two gateways of one machine share its boot: a worker that dates the one's rows anew puts nothing old back in the
    place of the other's, which another worker has stored since."""
    address = stores()
    one, two = (Worker(open_store(address), name, lambda: 1_760_000_000_000) for name in ("one", "two"))

    def send(gateway: str, sender: Sender) -> Callable[..., None]:
        def work(turn: Turn, worker: Worker, connection: object) -> None:
            assert gateway in turn.gateways
            incoming = Incoming(gateway=gateway, payload=sender.batch(), received_ms=1_760_000_000_000)
            worker.acceptance.incoming(connection, incoming, Changes(), project=True)  # type: ignore[arg-type]

        return work

    one.turn(lambda _, worker, connection: worker.acceptance.adopt(connection, TWO, Changes()))
    first, second = (Sender(spool=f"{number:020x}", clock="guess") for number in (1, 2))
    one.turn(send("gw-2", second.add(temperature(3.0, 1_000, "chiller-2"))))
    for worker in (two, one, two):  # the newcomer is seen, its share given back, and taken
        worker.turn(lambda *_: None)
    two.turn(send("gw-2", second.add(temperature(4.0, 2_000, "chiller-2"))))
    fix = ClockFix(at_ms=3_000, boot=BOOT, offset_ms=1_750_000_000_000, error_ms=5, source="synced")
    one.turn(send("gw-1", first.add(temperature(3.5, 2_500), fix)))
    with one.store.reader.connect() as connection:
        found = dict(tuple(row) for row in connection.execute(text("SELECT sensor, value FROM latest")))
    assert found == {"chiller-1": 3.5, "chiller-2": 4.0}
    assert rebuilt(address).same
    one.store.close()
    two.store.close()


def test_a_duty_ends_with_its_time_on_this_machine_too(stores: NewAddress) -> None:
    """A worker that was paused beyond its lease does no more of what is one worker's alone, even before it asks."""
    now_s = [100.0]
    store = open_store(stores())
    share = Share(KITCHEN, "one", {"gw-1"}, (ALERTS,), clock_s=lambda: now_s[0],
                  utc_ms=lambda: time.time_ns() // 1_000_000 + 3_600_000)  # fmt: skip
    with store.writer.begin() as connection:
        turn = share.begin(connection)
    assert not share.has(ALERTS), "not before the commit"
    assert abs(share.ahead_ms - 3_600_000) < 60_000, "what its own clock says is known to be wrong"
    share.committed(turn)
    assert share.has(ALERTS)
    now_s[0] += LEASE_MS / 1000
    assert not share.has(ALERTS)
    store.close()
