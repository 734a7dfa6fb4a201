"""The board: what screens show is never better than what is known, and never older than what was shown."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from tests.server.conftest import BOOK, Bench
from tests.server.sender import BOOT, Sender, temperature

from pawon_contract import codec
from pawon_contract.messages import Contact, GatewayStatus, Live, LiveValue, SensorFault
from pawon_server.projections.context import Changes
from pawon_server.web.board import Board
from pawon_server.web.view import Gateways, Tile

# What the board shows of the record is no matter of the store.
STORES = ("sqlite",)

MINUTE = 60_000
NEXT_BOOT = "4444bbbb-cab1-4b42-8e06-9e3512dfe0a6"


@dataclass
class Wall:
    """A board over the bench's record, and every event it told the screens."""

    bench: Bench
    told: list[tuple[str, msgspec.Struct]] = field(default_factory=list)
    board: Board = field(init=False)
    sender: Sender = field(default_factory=Sender)

    def __post_init__(self) -> None:
        self.board = Board(
            BOOK, self.bench.store.reader, demo=False, emit=lambda name, data: self.told.append((name, data)),
            utc_ms=lambda: self.bench.now_ms,
        )  # fmt: skip

    def record(self, *items: object, sent_ms: int, **other: object) -> None:
        """Rows come by the log lane and are committed."""
        first = len(self.sender.rows) + 1
        self.sender.add(*items)  # type: ignore[arg-type]  # items
        self.bench.send(self.sender.batch(first, sent_ms=sent_ms, **other))
        everything = Changes(sensors={"chiller-1", "chiller-2"}, incidents=True, stock=True, gateways=True)
        self.board.committed(everything, self.bench.writer.projector)

    def live(self, value: float | None, at_ms: int, *, boot: str = BOOT, sent_ms: int = 0, **other: object) -> None:
        """A sample of chiller-1 comes by the live lane."""
        fields = {"sensor": "chiller-1", "quantity": "temperature_c", "at_ms": at_ms, "value": value, **other}
        values = [LiveValue(**fields)]  # type: ignore[arg-type]  # fields of the struct, by name
        self.board.heard_live("gw-1", codec.encode(Live(boot=boot, sent_ms=max(sent_ms, at_ms), values=values)))

    @property
    def tile(self) -> Tile:
        """What stands on chiller-1's tile."""
        return next(tile for tile in self.board.snapshot().tiles if tile.sensor == "chiller-1")

    @property
    def told_tiles(self) -> list[Tile]:
        """Every repainting of chiller-1, in order."""
        return [data for _, data in self.told if isinstance(data, Tile) and data.sensor == "chiller-1"]


@pytest.fixture
def wall(bench: Bench) -> Wall:
    """A board on an empty store."""
    return Wall(bench)


def test_a_sensor_never_heard_is_no_data(wall: Wall) -> None:
    """Nothing known is not fine."""
    assert (wall.tile.state, wall.tile.value, wall.tile.age_ms) == ("no_data", None, None)


def test_a_live_value_repaints_and_an_older_one_does_not(wall: Wall) -> None:
    """Live over the record, newer over older; an older live value and an older row change nothing."""
    wall.record(temperature(3.0, 10_000), sent_ms=10_000)
    wall.live(3.5, 11_000)
    assert (wall.tile.value, wall.tile.state) == (3.5, "ok")
    wall.live(9.9, 10_500)
    wall.live(9.9, 11_000)
    assert wall.tile.value == 3.5
    wall.record(temperature(3.1, 10_900), sent_ms=11_000)
    assert wall.tile.value == 3.5
    wall.record(temperature(3.2, 11_500), sent_ms=11_500)
    assert wall.tile.value == 3.2
    wall.live(3.4, 11_400)
    assert wall.tile.value == 3.2, "live never replaces something newer"


def test_an_older_boot_is_ignored(wall: Wall) -> None:
    """After a reboot the times begin anew; what the boot before still has under way comes too late."""
    wall.live(3.0, 500_000)
    wall.live(4.0, 1_000, boot=NEXT_BOOT)
    wall.live(2.0, 600_000)
    assert wall.tile.value == 4.0


def test_a_value_of_the_boot_before_does_not_cover_the_record(wall: Wall) -> None:
    """After a reboot the record speaks first: the last live value of the boot before is older, whatever its number."""
    wall.live(3.0, 500_000)
    wall.bench.now_ms += 30_000
    wall.sender.boot = NEXT_BOOT
    wall.record(temperature(4.5, 1_000), sent_ms=1_000)
    assert (wall.tile.value, wall.tile.state) == (4.5, "warning")


def test_a_value_past_its_validity_is_no_data_and_the_screens_are_told(wall: Wall) -> None:
    """90 s after the last word the tile says so by itself, even if somebody looked just before."""
    wall.live(3.0, 1_000)
    wall.bench.now_ms += 89_999
    wall.board.tick()
    assert wall.tile.state == "ok"
    wall.bench.now_ms += 1
    assert wall.tile.state == "no_data"
    before = len(wall.told_tiles)
    wall.board.tick()
    assert [tile.state for tile in wall.told_tiles[before:]] == ["no_data"]
    assert (wall.tile.value, wall.tile.valid_for_ms) == (3.0, 0)
    wall.board.tick()
    assert len(wall.told_tiles) == before + 1


def test_the_promise_of_a_faster_sensor_is_held_to(wall: Wall) -> None:
    """A sensor that reports every 2 s is silent after 3 s, not after a minute and a half."""
    wall.live(3.0, 1_000, every_s=2)
    wall.bench.now_ms += 3_000
    assert wall.tile.state == "no_data"


def test_a_live_value_is_as_old_as_its_sender_says(wall: Wall) -> None:
    """A sample taken a minute before the message was sent has half a minute left."""
    wall.live(3.0, 1_000, sent_ms=61_000)
    assert (wall.tile.age_ms, wall.tile.valid_for_ms) == (60_000, 30_000)


def test_a_warm_live_value_is_never_green_while_the_log_is_behind(wall: Wall) -> None:
    """The record is an hour old and says 3 C; the probe says 9 C now: a warning at least, and no incident by it."""
    wall.record(temperature(3.0, 1_000), sent_ms=60 * MINUTE)
    wall.live(9.0, 60 * MINUTE)
    assert (wall.tile.state, wall.tile.value) == ("warning", 9.0)
    assert wall.bench.rows("SELECT * FROM incident") == []
    assert wall.board.snapshot().incidents == []


def test_a_cool_live_value_does_not_end_what_the_record_says(wall: Wall) -> None:
    """An open incident is closed by the record alone, however cold the newest sample is."""
    wall.record(*(temperature(9.0, n * MINUTE) for n in range(17)), sent_ms=16 * MINUTE)
    wall.live(3.0, 16 * MINUTE + 500)
    assert (wall.tile.state, wall.tile.value) == ("critical", 3.0)
    assert [view.rule for view in wall.board.snapshot().incidents] == ["chiller-very-hot"]


def test_a_fault_wins(wall: Wall) -> None:
    """A broken sensor is shown as broken, whatever value still comes by the live lane."""
    wall.record(temperature(3.0, 1_000), SensorFault(at_ms=2_000, sensor="chiller-1", fault="stuck"), sent_ms=2_000)
    wall.live(3.0, 3_000)
    assert (wall.tile.state, wall.tile.fault) == ("fault", "stuck")
    wall.record(temperature(3.0, 4_000), sent_ms=4_000)
    assert (wall.tile.state, wall.tile.fault) == ("ok", None)


def test_a_live_fault_is_never_green(wall: Wall) -> None:
    """ "No value, I am in fault" by the live lane: no data at once, before the record says why."""
    wall.record(temperature(3.0, 1_000), sent_ms=1_000)
    wall.live(None, 2_000)
    assert (wall.tile.state, wall.tile.value) == ("no_data", 3.0)


def test_live_stores_and_opens_nothing(wall: Wall) -> None:
    """An hour far beyond every limit by the live lane alone: no reading, no incident, no alert, no journal entry."""
    before = wall.bench.value("SELECT count(*) FROM journal")
    for minute in range(60):
        wall.bench.now_ms += MINUTE
        wall.live(20.0, minute * MINUTE)
    for table in ("reading", "incident", "alert"):
        assert wall.bench.rows(f"SELECT * FROM {table}") == []
    entries = wall.bench.value("SELECT count(*) FROM journal WHERE kind <> 'silence'")
    assert entries == before


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{}", b"null", b"\xff\xfe", b"[1]", b'{"boot":"' + BOOT.encode() + b'","sent_ms":-1,"values":[]}',
        b'{"boot":"x","sent_ms":1,"values":[]}', b"\x78\x9cgarbage", b"[" * 100_000, b"x" * (1 << 21),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lane", ["live", "status"])
def test_garbage_changes_nothing_and_is_counted(wall: Wall, lane: str, payload: bytes) -> None:
    """Bytes that are no message never raise and repaint nothing."""
    wall.live(3.0, 1_000)
    before = wall.board.snapshot()
    getattr(wall.board, f"heard_{lane}")("gw-1", payload)
    assert wall.board.snapshot() == before
    assert wall.board.unreadable_live == 1


@pytest.mark.parametrize(
    "other",
    [
        {"value": -273.0}, {"value": 5e30}, {"quantity": "mass_g"}, {"sensor": "nobody"},
        {"at_ms": 10**12, "sent_ms": 5_000},
    ],
)  # fmt: skip
def test_an_impossible_live_value_is_not_shown(wall: Wall, other: dict[str, object]) -> None:
    """Beyond physics, of another kind, or newer than its own message: the tile keeps what it had, and goes on."""
    wall.live(3.0, 1_000)
    fields = {"sensor": "chiller-1", "quantity": "temperature_c", "at_ms": 2_000, "value": 3.9, **other}
    sent_ms = fields.pop("sent_ms", 10**13)
    value = LiveValue(**fields)  # type: ignore[arg-type]  # fields of the struct, by name
    wall.board.heard_live("gw-1", codec.encode(Live(boot=BOOT, sent_ms=sent_ms, values=[value])))  # type: ignore[arg-type]
    assert (wall.tile.value, wall.tile.state) == (3.0, "ok")
    wall.live(3.1, 3_000)
    assert wall.tile.value == 3.1


def test_a_gateway_speaks_only_for_its_own_sensors(wall: Wall) -> None:
    """A stranger's live values and states are not believed."""
    value = LiveValue(sensor="chiller-1", quantity="temperature_c", at_ms=1, value=3.0)
    wall.board.heard_live("gw-2", codec.encode(Live(boot=BOOT, sent_ms=1, values=[value])))
    wall.board.heard_status("gw-2", codec.encode(GatewayStatus(online=True)))
    assert wall.tile.state == "no_data"
    assert [view.gateway for view in wall.board.snapshot().gateways] == ["gw-1"]


def test_the_last_will_says_offline(wall: Wall) -> None:
    """Birth, state and last will are shown as they come; what an offline gateway queued is not known."""
    wall.board.heard_status("gw-1", codec.encode(GatewayStatus(online=True, queue_rows=12, oldest_ms=900, guard="ok")))
    (view,) = wall.board.gateways()
    assert (view.online, view.queue_rows, view.oldest_ms, view.guard, view.age_ms) == (True, 12, 900, "ok", 0)
    wall.bench.now_ms += 5_000
    assert wall.board.gateways()[0].age_ms == 5_000
    wall.board.heard_status("gw-1", codec.encode(GatewayStatus(online=False)))
    (view,) = wall.board.gateways()
    assert (view.online, view.queue_rows, view.oldest_ms) == (False, None, None)
    assert sum(isinstance(data, Gateways) for _, data in wall.told) == 2


def test_a_server_clock_put_back_leaves_nothing_green(wall: Wall) -> None:
    """The server's clock was a year ahead and is corrected: what it stamped then is not believed for a year."""
    wall.record(temperature(3.0, 1_000), sent_ms=1_000)
    wall.live(3.0, 2_000)
    assert wall.tile.state == "ok"
    wall.bench.now_ms -= 365 * 24 * 60 * MINUTE
    wall.board.tick()
    assert wall.told_tiles[-1].state == "no_data"
    wall.record(temperature(3.1, 3_000), sent_ms=3_000)
    wall.live(3.2, 4_000)
    assert (wall.tile.state, wall.tile.value) == ("ok", 3.2)
    assert not wall.bench.writer.projector.readings.fresh("chiller-1", wall.bench.now_ms + 90_000)


def test_a_restarted_server_shows_the_record(wall: Wall) -> None:
    """A new board takes up values, incidents and stock at once, each at its true age."""
    wall.record(*(temperature(9.0, n * MINUTE) for n in range(17)), sent_ms=16 * MINUTE)
    wall.bench.now_ms += 30_000
    wall.bench.restart()
    again = Wall(wall.bench)
    again.board.load(wall.bench.writer.projector)
    assert (again.tile.state, again.tile.value, again.tile.age_ms) == ("critical", 9.0, 30_000)
    assert [view.rule for view in again.board.snapshot().incidents] == ["chiller-very-hot"]


def test_a_door_contact_is_no_temperature(wall: Wall) -> None:
    """A switch that sends under a probe's name is set aside: its 1 would be a fine 1 C."""
    wall.record(Contact(at_ms=1_000, sensor="chiller-1", contact="door", active=True), sent_ms=1_000)
    assert (wall.tile.state, wall.tile.value) == ("no_data", None)
    assert "configured as temperature_c" in str(wall.bench.value("SELECT reason FROM quarantine"))
