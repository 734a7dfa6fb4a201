"""Two scales that came back through each other's cables."""

from __future__ import annotations

from pawon_contract.messages import SensorFault, Weighing
from pawon_edge.health import Health
from pawon_edge.intake import Intake, SensorLine
from pawon_edge.reporting import Reporter
from pawon_edge.sample import Sample, Trouble
from pawon_edge.swap import HOLD_MS
from pawon_edge.weighing import WeighingDetector

STEP_MS = 200


class Kitchen:
    """Scales behind ports, and everything they told; loads in grams."""

    def __init__(self, known: dict[str, int]) -> None:
        self.now_ms = 0
        self.told: list[Weighing | SensorFault] = []
        self.intake = Intake(
            lines={
                name: SensorLine(
                    quantity="mass_g",
                    reporter=Reporter(sensor=name, step=1e9, heartbeat_s=60),
                    health=Health(sensor=name, fault_after_ms=5_000, started_ms=0),
                    detector=WeighingDetector(sensor=name, division_g=10, last_stable_g=load),
                )
                for name, load in known.items()
            }
        )

    def stand(self, seconds: float, **loads: float) -> None:
        """These scales show these loads for a while."""
        for _ in range(round(seconds * 1000 / STEP_MS)):
            self.now_ms += STEP_MS
            rows = list(self.intake.tick(self.now_ms))
            for name, load in loads.items():
                rows += self.intake.take(Sample(sensor=name, at_ms=self.now_ms, quantity="mass_g", value=load))[0]
            self.told += [row for row in rows if isinstance(row, Weighing | SensorFault)]

    def lose(self, *names: str) -> None:
        """Their ports go."""
        for name in names:
            rows, _ = self.intake.take(Trouble(sensor=name, at_ms=self.now_ms, kind="port_lost"))
            self.told += [row for row in rows if isinstance(row, Weighing | SensorFault)]

    @property
    def weighings(self) -> list[tuple[str, str, int, int]]:
        return [(r.sensor, r.kind, r.before_g, r.after_g) for r in self.told if isinstance(r, Weighing)]

    @property
    def faults(self) -> list[tuple[str, str, bool]]:
        return [(r.sensor, r.fault, r.cleared) for r in self.told if isinstance(r, SensorFault)]


def test_exchanged_cables_are_told_and_book_nothing() -> None:
    """Both scales stand where the other stood: two faults, no weighing; put back, all goes on as before."""
    kitchen = Kitchen({"beras": 42_000, "telur": 3_000})
    kitchen.stand(10, beras=42_000, telur=3_000)
    kitchen.lose("beras", "telur")
    kitchen.stand(20, beras=3_000, telur=42_010)
    assert kitchen.weighings == []
    assert sorted(kitchen.faults) == [("beras", "swapped", False), ("telur", "swapped", False)]
    assert kitchen.intake.live() == []
    kitchen.lose("beras", "telur")
    kitchen.stand(10, beras=42_000, telur=3_000)
    assert kitchen.weighings == []
    assert kitchen.faults[-2:] == [("beras", "swapped", True), ("telur", "swapped", True)]
    kitchen.stand(80, beras=40_000, telur=3_000)
    assert kitchen.weighings == [("beras", "out", 42_000, 40_000)]


def test_it_is_noticed_over_a_restart_too() -> None:
    """The loads known from before the restart are enough, and stay known until the cables are right again."""
    kitchen = Kitchen({"beras": 42_000, "telur": 3_000})
    kitchen.stand(15, beras=3_000, telur=42_000)
    assert kitchen.weighings == []
    assert {fault[1] for fault in kitchen.faults} == {"swapped"}
    assert kitchen.intake.stable_values() == {"beras": 42_000, "telur": 3_000}


def test_a_load_that_changed_while_away_is_still_told() -> None:
    """One scale came back lighter and the other as it was: a restart row at once; no endless wait."""
    kitchen = Kitchen({"beras": 42_000, "telur": 3_000})
    kitchen.stand(10, beras=42_000, telur=3_000)
    kitchen.lose("beras", "telur")
    kitchen.stand(10, beras=40_000, telur=3_000)
    assert kitchen.weighings == [("beras", "restart", 42_000, 40_000)]
    kitchen.lose("beras", "telur")
    kitchen.stand(10, beras=39_000)
    assert len(kitchen.weighings) == 1
    assert kitchen.intake.stable_values()["beras"] == 40_000
    kitchen.stand(HOLD_MS / 1000, beras=39_000)
    assert kitchen.weighings[1:] == [("beras", "restart", 40_000, 39_000)]
    assert kitchen.intake.stable_values()["beras"] == 39_000


def test_a_movement_after_a_held_row_follows_it() -> None:
    """What happened later is never told earlier: the chain of one scale's loads stays unbroken."""
    kitchen = Kitchen({"beras": 42_000, "telur": 3_000})
    kitchen.stand(10, beras=42_000, telur=3_000)
    kitchen.lose("beras", "telur")
    kitchen.stand(6, beras=40_000)
    kitchen.stand(80, beras=35_000)
    rows = [row for row in kitchen.weighings if row[0] == "beras"]
    assert rows == [("beras", "restart", 42_000, 40_000), ("beras", "out", 40_000, 35_000)]


def test_a_change_seen_before_the_loss_is_not_forgotten() -> None:
    """A movement whose merging time still ran when the port went is told as what was seen."""
    kitchen = Kitchen({"beras": 42_000})
    kitchen.stand(10, beras=42_000)
    kitchen.stand(8, beras=40_000)
    kitchen.lose("beras")
    kitchen.stand(10, beras=38_000)
    assert kitchen.weighings == [("beras", "out", 42_000, 40_000), ("beras", "restart", 40_000, 38_000)]


def test_an_overload_is_no_loss_of_sight() -> None:
    """A sack too many for ten seconds: the scale told so all the time, and what it shows afterwards was seen."""
    kitchen = Kitchen({"beras": 42_000})
    kitchen.stand(10, beras=42_000)
    for _ in range(50):
        kitchen.now_ms += STEP_MS
        kitchen.intake.take(Trouble(sensor="beras", at_ms=kitchen.now_ms, kind="overload"))
        kitchen.told += [row for row in kitchen.intake.tick(kitchen.now_ms) if isinstance(row, Weighing | SensorFault)]
    kitchen.stand(80, beras=52_000)
    assert kitchen.weighings == [("beras", "in", 42_000, 52_000)]
    assert kitchen.faults == [("beras", "overload", False), ("beras", "overload", True)]


def test_one_cable_that_blinks_books_nothing_of_its_neighbour() -> None:
    """The exchange was seen; then one of both ports goes and comes back: it still speaks of the other's load."""
    kitchen = Kitchen({"beras": 42_000, "telur": 3_000})
    kitchen.stand(10, beras=42_000, telur=3_000)
    kitchen.lose("beras", "telur")
    kitchen.stand(20, beras=3_000, telur=42_010)
    for _ in range(2):
        kitchen.lose("beras")
        kitchen.stand(3, telur=42_010)
        kitchen.stand(HOLD_MS / 1000 + 60, beras=3_000, telur=42_010)
    assert kitchen.weighings == []
    assert kitchen.intake.live() == []
    kitchen.lose("beras", "telur")
    kitchen.stand(20, beras=42_000, telur=3_000)
    assert kitchen.weighings == []
    assert kitchen.intake.stable_values() == {"beras": 42_000, "telur": 3_000}


def test_what_a_scale_tells_as_it_falls_silent_follows_what_was_held() -> None:
    """A row is held for the other scale's sake; the scale moves on and misses some seconds: first things first."""
    kitchen = Kitchen({"beras": 42_000, "telur": 3_000})
    for line in kitchen.intake.lines.values():
        line.health = Health(sensor=line.health.status(0).sensor, fault_after_ms=60_000, started_ms=0)
    kitchen.stand(10, beras=42_000, telur=3_000)
    kitchen.lose("beras", "telur")
    kitchen.stand(10, beras=41_000)
    kitchen.stand(8, beras=40_000)
    kitchen.stand(6)
    kitchen.stand(60, beras=40_000)
    assert kitchen.weighings == [("beras", "restart", 42_000, 41_000), ("beras", "out", 41_000, 40_000)]
