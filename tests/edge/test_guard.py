"""The local guard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pawon_contract.messages import Contact, Reading
from pawon_edge.guard import REPEAT_MS, Guard, GuardAlarm, Watched
from pawon_food_safety.profile import load_profile

SILENT_MS = 300_000
MINUTE = 60_000
PROFILE = load_profile("ID-MBG")
WATCHED = [
    Watched(id="chiller-1", name="Chiller daging", point="chiller", quantity="temperature_c"),
    Watched(id="chiller-2", name="Chiller sayur", point="chiller", quantity="temperature_c", measures="air",
            door="pintu-2"),
    Watched(id="pintu-2", name="Pintu 2", point="chiller", quantity="door"),
    Watched(id="listrik", name="Listrik", point="", quantity="power"),
]  # fmt: skip
LIMIT = PROFILE.limits_at("chiller", "temperature_c")[0]


def guard(heard: list[GuardAlarm]) -> Guard:
    """One chiller, one probe that stands nowhere in particular."""
    return Guard(
        profile=PROFILE,
        watched=WATCHED,
        server_silent_ms=SILENT_MS,
        alarm=heard.append,
    )


def reading(at_ms: int, value: float, sensor: str = "chiller-1") -> Reading:
    """One report, valid for a heartbeat and a half."""
    return Reading(at_ms=at_ms, sensor=sensor, quantity="temperature_c", value=value)


def warm(watch: Guard, minutes: int, sensor: str = "chiller-1") -> int:
    """A chiller far too warm for so long; the time afterwards."""
    for minute in range(minutes + 1):
        watch.judge(reading(minute * MINUTE, 25.0, sensor))
    return minutes * MINUTE


def test_it_alarms_in_indonesian_when_the_server_is_silent() -> None:
    """The profile's own words, the sensor's name, the value and the limit: a person knows what to do."""
    heard: list[GuardAlarm] = []
    watch = guard(heard)
    now = warm(watch, int(LIMIT.delay_s // 60) + 1)
    watch.tick(now, now - SILENT_MS)
    alarm = next(alarm for alarm in heard if alarm.row == LIMIT)
    assert alarm.text.startswith(f"{LIMIT.text_id}: Chiller daging 25,0 C (batas {LIMIT.value:.0f},0 C).")
    assert alarm.text.endswith(LIMIT.action_id)
    assert watch.state(now, now - SILENT_MS) == "alarming"


def test_it_holds_its_tongue_while_the_server_answers() -> None:
    """Two machines that agree do not call people twice."""
    heard: list[GuardAlarm] = []
    watch = guard(heard)
    now = warm(watch, 120)
    for second in range(0, 600, 10):
        watch.tick(now + second * 1000, now + second * 1000 - SILENT_MS + 1)
    assert heard == []
    assert watch.state(now, now) == "watching"


def test_before_the_delay_is_full_there_is_no_alarm() -> None:
    """A door opened for loading is not an alarm, with or without a server."""
    heard: list[GuardAlarm] = []
    watch = guard(heard)
    shortest_s = min(limit.delay_s for limit in PROFILE.limits_at("chiller", "temperature_c"))
    now = warm(watch, int(shortest_s // 60) - 1)
    watch.tick(now, now - SILENT_MS)
    assert heard == []
    assert watch.state(now, now - SILENT_MS) == "alone"


def test_it_repeats_every_minute_until_it_is_cold_again() -> None:
    """An alarm may be overheard once; it ends by itself when the food is safe, and not before."""
    heard: list[GuardAlarm] = []
    watch = guard(heard)
    now = warm(watch, 120)
    watch.tick(now, 0)
    opened = {alarm.row.id for alarm in heard}
    for second in range(1, 601):
        watch.tick(now + second * 1000, 0)
    assert len(heard) == len(opened) * (1 + 600_000 // REPEAT_MS)
    heard.clear()
    for minute in range(121, 121 + 240):
        watch.judge(reading(minute * MINUTE, 1.0))
    watch.tick((121 + 240) * MINUTE, 0)
    assert heard == []


def test_it_alarms_at_once_when_the_server_falls_silent_later() -> None:
    """An excursion that began while the server answered is not forgotten when the server dies."""
    heard: list[GuardAlarm] = []
    watch = guard(heard)
    now = warm(watch, 120)
    watch.tick(now, now)
    assert heard == []
    watch.tick(now + SILENT_MS, now)
    assert heard


def test_a_sensor_at_no_control_point_is_not_judged() -> None:
    """A probe in the yard may be as warm as it likes."""
    heard: list[GuardAlarm] = []
    watch = guard(heard)
    now = warm(watch, 300, sensor="halaman")
    watch.tick(now, 0)
    assert heard == []


@given(st.lists(st.tuples(st.integers(1, 200), st.floats(-50, 60)), max_size=60), st.integers(0, 5))
def test_it_speaks_only_when_alone_and_never_twice_at_once(steps: list[tuple[int, float]], every: int) -> None:
    """Whatever the temperatures do: no word while the server commits, and one word for one limit at a time."""
    heard: list[tuple[int, str]] = []
    now, committed = 0, 0
    watch = guard([])
    watch.alarm = lambda alarm: heard.append((now, alarm.row.id))
    for number, (seconds, value) in enumerate(steps):
        now += seconds * 1000
        committed = now if every and number % every == 0 else committed
        watch.judge(reading(now, value))
        before = len(heard)
        watch.tick(now, committed)
        watch.tick(now, committed)
        assert len(heard) == before or now - committed >= SILENT_MS
    # Two calls at one moment said nothing twice.
    assert len(set(heard)) == len(heard)


def test_air_behind_a_door_and_electricity_are_judged_as_the_server_judges_them() -> None:
    """Fast air with the door open is no alarm, the door itself is; so is electricity that is off."""
    heard: list[GuardAlarm] = []
    watch = guard(heard)
    for minute in range(8):
        open_now = minute >= 2
        watch.judge(Contact(at_ms=minute * MINUTE, sensor="pintu-2", contact="door", active=open_now))
        watch.judge(Contact(at_ms=minute * MINUTE, sensor="listrik", contact="power", active=minute < 3))
        watch.judge(reading(minute * MINUTE + 1, 14.0 if open_now else 3.0, "chiller-2"))
    watch.tick(8 * MINUTE, 8 * MINUTE - SILENT_MS)
    assert [alarm.row.id for alarm in heard] == ["power-off", "chiller-door-open"]
    assert heard[0].text == "Listrik padam: Listrik. Nyalakan genset. Tutup chiller dan freezer rapat."
