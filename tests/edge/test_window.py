"""The sending window against a model of the server and of a network that loses, repeats and delays."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from pawon_contract.messages import Answers, Committed, Refused
from pawon_edge.uplink.window import ANSWER_TIMEOUT_MS, BATCH_ROWS, IN_FLIGHT_BATCHES, Sending, Window

SPOOL = "00112233445566778899"


@dataclass(slots=True)
class Server:
    """Stores rows without a hole, answers every batch, refuses a batch that holds a poison row."""

    poison: set[int]
    stored: int = 0
    epoch: int = 0

    def word(self, sending: Sending | None = None, *, refused: bool = False) -> Committed:
        """What is published on ``committed``."""
        return Committed(
            spool=SPOOL, epoch=f"{self.epoch:08x}", upto=self.stored, server_time_ms=7,
            answers=None if sending is None or refused else Answers(first=sending.first, sent_ms=sending.sent_ms),
            refused=Refused(digest=sending.digest, reason="not JSON") if sending is not None and refused else None,
        )  # fmt: skip

    def take(self, sending: Sending, gaps: frozenset[int]) -> Committed:
        """One batch; ``gaps``: the rows that stood in it as gaps."""
        if any(row in self.poison - gaps for row in range(sending.first, sending.last + 1)):
            return self.word(sending, refused=True)
        if sending.first <= self.stored + 1:
            self.stored = max(self.stored, sending.last)
        return self.word(sending)


@dataclass(slots=True)
class World:
    """A gateway with ``newest`` rows, a server, and what is on the wire between them."""

    server: Server
    newest: int
    window: Window = field(default_factory=lambda: Window(spool=SPOOL))
    now_ms: int = 1_000
    up: list[tuple[Sending, frozenset[int]]] = field(default_factory=list)
    down: list[Committed] = field(default_factory=list)
    said: list[Committed] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    most_stored: int = 0

    def pump(self) -> None:
        """The sending thread's turn."""
        self.now_ms += 1
        self.window.tick(self.now_ms)
        while self.window.may_send(self.newest):
            first = self.window.next
            last = min(self.newest, first + self.window.rows_at_once() - 1)
            self.now_ms += 1
            digest = f"{first}-{last}-{self.now_ms}"
            sending = Sending(first=first, last=last, rows=last - first + 1, sent_ms=self.now_ms, digest=digest)
            self.window.sent(sending)
            self.up.append((sending, frozenset(self.gaps)))

    def arrive(self, number: int, *, keep: bool = False) -> None:
        """A batch reaches the server; with ``keep`` the broker will deliver it once more."""
        if self.up:
            sending, gaps = self.up[number % len(self.up)] if keep else self.up.pop(number % len(self.up))
            answer = self.server.take(sending, gaps)
            self.most_stored = max(self.most_stored, self.server.stored)
            self.said.append(answer)
            self.down.append(answer)

    def hear(self, answer: Committed, *, retained: bool = False) -> None:
        """The gateway hears the server's word."""
        self.now_ms += 1
        verdict = self.window.committed(answer, self.now_ms, retained=retained)
        if verdict.refused_row is not None:
            assert verdict.refused_row[0] in self.server.poison
            self.gaps.append(verdict.refused_row[0])
        if verdict.server_time is not None:
            assert not retained
            assert verdict.server_time[0] == 7
            assert verdict.server_time[1] < verdict.server_time[2]
        # The window believes nothing that the server never said, and stands at most one row before what it believes:
        # that row is sent once more in each connection, to be compared.
        assert self.window.upto <= self.most_stored
        assert self.window.next >= self.window.upto

    def connect(self, *, retained: Committed | None) -> None:
        """A new connection: what was on the old one is gone in both directions."""
        self.up.clear()
        self.down.clear()
        self.window.connected(self.now_ms)
        if retained is not None:
            self.hear(retained, retained=True)

    def settle(self) -> None:
        """From now on nothing is lost and rows go on coming: everything must be confirmed soon."""
        words = [word for word in self.said if word.refused is None]
        self.connect(retained=words[-1] if words else None)
        self.newest += 1
        for _ in range(400 + 4 * self.newest):
            self.pump()
            progress = bool(self.up or self.down)
            while self.up:
                self.arrive(0)
            while self.down:
                self.hear(self.down.pop(0))
            if self.window.upto == self.server.stored == self.newest:
                return
            if not progress:
                self.now_ms += ANSWER_TIMEOUT_MS + 1
        raise AssertionError(f"stuck at {self.window.upto} of {self.newest}, server has {self.server.stored}")


actions = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("pump", "arrive", "arrive", "arrive twice", "lose up", "hear", "hear", "hear twice", "lose down"),
                *("old word", "old retained", "connect", "rows", "wait", "restore", "stray refusal"),
            ]
        ),
        st.integers(0, 200),
    ),
    max_size=80,
)


def run(world: World, steps: list[tuple[str, int]]) -> None:
    """Anything a network, a broker and a server restored from backup may do, in any order."""
    for kind, number in steps:
        if kind == "pump":
            world.pump()
        elif kind in ("arrive", "arrive twice"):
            world.arrive(number, keep=kind == "arrive twice")
        elif kind == "lose up" and world.up:
            world.up.pop(number % len(world.up))
        elif kind in ("hear", "hear twice") and world.down:
            place = number % len(world.down)
            world.hear(world.down[place] if kind == "hear twice" else world.down.pop(place))
        elif kind == "lose down" and world.down:
            world.down.pop(number % len(world.down))
        elif kind in ("old word", "old retained") and world.said:
            world.hear(world.said[number % len(world.said)], retained=kind == "old retained")
        elif kind == "connect":
            world.connect(retained=world.said[number % len(world.said)] if world.said and number % 3 else None)
        elif kind == "rows":
            world.newest += number * 20
        elif kind == "wait":
            world.now_ms += number * 100
        elif kind == "restore":
            world.server.epoch += 1
            world.server.stored = world.server.stored * number // 200
        elif kind == "stray refusal":
            world.hear(world.server.word(Sending(first=1, last=1, rows=1, sent_ms=1, digest="other"), refused=True))


@settings(deadline=None, max_examples=300)
@given(steps=actions, rows=st.integers(0, 3_000))
def test_everything_is_confirmed_in_the_end(steps: list[tuple[str, int]], rows: int) -> None:
    """Any interleaving of losses, repetitions, stale and retained answers, restores and waits: no row is skipped, for
    the server takes only what follows without a hole and has everything in the end."""
    world = World(server=Server(poison=set()), newest=rows)
    run(world, steps)
    world.settle()
    assert world.gaps == []


@settings(deadline=None, max_examples=150)
@given(steps=actions, rows=st.integers(1, 1_200), where=st.integers(0, 1_199))
def test_one_poison_row_becomes_exactly_one_gap(steps: list[tuple[str, int]], rows: int, where: int) -> None:
    """A row that the server cannot take is found by halving and given up alone; all its neighbours arrive."""
    poison = where % rows + 1
    world = World(server=Server(poison={poison}), newest=rows)
    run(world, [step for step in steps if step[0] != "restore"])
    world.settle()
    assert world.gaps == [poison]


@settings(deadline=None, max_examples=50)
@given(st.sets(st.integers(1, 600), max_size=12))
def test_several_poison_rows_never_stall(poison: set[int]) -> None:
    """Each poison row costs itself and nothing else, also when they stand side by side."""
    world = World(server=Server(poison=poison), newest=600)
    world.settle()
    assert sorted(world.gaps) == sorted(poison)


@settings(deadline=None)
@given(steps=actions, rows=st.integers(0, 3_000))
def test_within_one_epoch_the_window_is_never_ahead_of_the_server(steps: list[tuple[str, int]], rows: int) -> None:
    """Without a restore, what the gateway believes confirmed is stored, at every moment."""
    world = World(server=Server(poison=set()), newest=rows)
    for step in steps:
        if step[0] != "restore":
            run(world, [step])
            assert world.window.upto <= world.server.stored


def test_a_server_restored_from_backup_gets_again_what_it_lost() -> None:
    """A lower number under another epoch rewinds, without waiting for a new row or a timeout."""
    world = World(server=Server(poison=set()), newest=1_000)
    world.settle()
    world.server.epoch, world.server.stored = 1, 400
    world.hear(world.server.word(), retained=True)
    assert world.window.next == 400  # the last stored row once more, to be compared


def test_a_gateway_that_remembers_more_than_the_server_begins_where_the_server_is() -> None:
    """After a restart the retained number counts even when it is lower than the gateway's own memory."""
    window = Window(spool=SPOOL, upto=1_000, next=1_001)
    window.connected(1_000)
    window.committed(Committed(spool=SPOOL, epoch="00000001", upto=400), 1_001, retained=True)
    assert window.next == 400  # the last stored row once more, to be compared
    assert window.may_send(1_000)


def test_another_spools_number_means_nothing() -> None:
    """A gateway with a new card is not confirmed by what the old card had sent."""
    window = Window(spool=SPOOL)
    window.committed(Committed(spool="f" * 20, epoch="00000001", upto=5_000), 1_000, retained=True)
    assert (window.upto, window.next) == (0, 1)


def test_the_window_is_bounded_and_asks_again_after_silence() -> None:
    """A server that says nothing gets a few batches, then the same rows again after the timeout."""
    world = World(server=Server(poison=set()), newest=100_000)
    world.pump()
    assert len(world.up) == IN_FLIGHT_BATCHES
    assert world.window.next == IN_FLIGHT_BATCHES * BATCH_ROWS + 1
    assert not world.window.tick(world.now_ms + ANSWER_TIMEOUT_MS - 100)
    assert world.window.tick(world.now_ms + ANSWER_TIMEOUT_MS + 1)
    assert world.window.next == 1


def test_a_retained_or_repeated_answer_carries_no_time() -> None:
    """The server's time counts once, in the answer to a batch of this connection; a copy from before does not."""
    window = Window(spool=SPOOL)
    window.sent(Sending(first=1, last=5, rows=5, sent_ms=1_000, digest="d"))
    answer = Committed(
        spool=SPOOL, epoch="00000001", upto=5, server_time_ms=99, answers=Answers(first=1, sent_ms=1_000)
    )
    window_after = Window(spool=SPOOL)
    assert window_after.committed(answer, 1_010, retained=True).server_time is None
    assert window.committed(answer, 1_010, retained=False).server_time == (99, 1_000, 1_010)
    assert window.committed(answer, 9_010, retained=False).server_time is None


def answered(first: int, sent_ms: int, upto: int) -> Committed:
    """The server's word about one sending."""
    return Committed(spool=SPOOL, epoch="00000001", upto=upto, answers=Answers(first=first, sent_ms=sent_ms))


def sending(first: int, last: int, sent_ms: int) -> Sending:
    """A batch on its way."""
    return Sending(first=first, last=last, rows=last - first + 1, sent_ms=sent_ms, digest=f"{first:064x}")


def test_only_an_answer_that_compared_what_leads_to_its_number_proves_it() -> None:
    """A hole compares nothing, a batch far below nothing up there: the last stored row is sent once more."""
    window = Window(spool=SPOOL)
    window.connected(0)
    window.committed(Committed(spool=SPOOL, epoch="00000001", upto=900), 1, retained=True)
    assert window.next == 900
    for first in (900, 950):
        window.sent(sending(first, first + 49, first))
    assert not window.committed(answered(950, 950, 900), 2, retained=False).proven
    assert window.next == 900
    window = Window(spool=SPOOL, upto=99, next=100)
    window.connected(0)
    window.sent(sending(99, 100, 5))
    assert not window.committed(answered(99, 5, 900), 6, retained=False).proven
    assert window.next == 900
    window.sent(sending(900, 900, 7))
    assert window.committed(answered(900, 7, 900), 8, retained=False).proven
    assert (window.next, window.tick(8 + ANSWER_TIMEOUT_MS + 1)) == (901, False)
