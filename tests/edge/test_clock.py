"""Time on a machine without a clock battery."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_edge.clock import KERNEL_ERROR_FLOOR_MS, Offset, SystemClock, Timekeeper

BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"
UTC_MS = 1_790_000_000_000
GUESS = Offset(offset_ms=0, quality="guess", error_ms=0)


def keeper(offset: Offset = GUESS, *, fixed: bool = False) -> Timekeeper:
    """A gateway's time right after its start."""
    return Timekeeper(boot=BOOT, offset=offset, fixed=fixed)


@given(
    true_offset=st.integers(min_value=10**12, max_value=2 * 10**12),
    sent=st.integers(min_value=0, max_value=10**9),
    there=st.integers(min_value=0, max_value=20_000),
    back=st.integers(min_value=1, max_value=20_000),
)
def test_a_servers_answer_is_true_within_its_round_trip(true_offset: int, sent: int, there: int, back: int) -> None:
    """However long each way took, the real offset lies within the stated error, and the error is the round trip."""
    time = keeper()
    time.observe_server(sent + there + true_offset, sent, sent + there + back)
    assert time.offset.quality == "server"
    assert time.offset.error_ms == there + back
    assert abs(time.offset.offset_ms - true_offset) <= time.offset.error_ms


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=1, max_size=20))
def test_the_servers_time_only_ever_gets_better(answers: list[tuple[int, int]]) -> None:
    """Jitter of later answers never moves the past to and fro: the best round trip stands."""
    time, now, errors = keeper(), 1_000, []
    for there, back in answers:
        time.observe_server(now + there + UTC_MS, now, now + there + back)
        errors.append(time.offset.error_ms)
        now += 60_000
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == max(1, min(there + back for there, back in answers))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("wall"), st.integers(0, 10**6), st.one_of(st.none(), st.integers(50, 900))),
            st.tuples(st.just("server"), st.integers(0, 10**6), st.integers(1, 900)),
        ),
        max_size=30,
    )
)
def test_one_clock_fix_a_boot(observations: list[tuple[str, int, int | None]]) -> None:
    """Whatever is heard in whatever order, a boot's rows are restamped once at most, and exactly when time is known."""
    time, now, fixes = keeper(), 1_000, []
    for kind, jitter, error in observations:
        now += 1_000
        if kind == "wall":
            time.observe_wall(UTC_MS + jitter, now, error, "guess")
        else:
            assert error is not None
            time.observe_server(UTC_MS + jitter, now - error, now)
        if (fix := time.take_fix()) is not None:
            fixes.append(fix)
            assert fix.boot == BOOT
            assert (fix.offset_ms, fix.error_ms) == (time.offset.offset_ms, time.offset.error_ms)
    known = any(error is not None for _, _, error in observations)
    assert len(fixes) == int(known)
    assert time.fixed == known


def test_a_restart_within_a_boot_does_not_repeat_the_fix() -> None:
    """A process that starts again in the same boot knows that its rows were restamped."""
    before = keeper()
    before.observe_server(UTC_MS, 1_000, 1_100)
    assert before.take_fix() is not None
    after = keeper(before.offset, fixed=before.fixed)
    after.observe_server(UTC_MS + 10_000, 11_000, 11_010)
    after.observe_wall(UTC_MS + 20_000, 21_000, 50, "guess")
    assert after.take_fix() is None
    assert after.offset.quality == "synced"


def test_a_guess_follows_the_wall_clock_and_never_overrules_known_time() -> None:
    """Undisciplined time is an estimate; once time is known an undisciplined clock changes nothing."""
    time = keeper()
    time.observe_wall(UTC_MS, 1_000, None, "rtc")
    assert time.offset == Offset(offset_ms=UTC_MS - 1_000, quality="rtc", error_ms=0)
    time.observe_server(UTC_MS + 7_200_000, 2_000, 2_040)
    known = time.offset
    time.observe_wall(UTC_MS, 3_000, None, "rtc")
    assert time.offset == known


def test_a_synchronised_kernel_outranks_the_server() -> None:
    """A server with a wrong clock cannot move the time of a gateway that has a time service."""
    time = keeper()
    time.observe_wall(UTC_MS, 1_000, 60, "guess")
    time.observe_server(UTC_MS + 86_400_000, 2_000, 2_001)
    assert time.offset == Offset(offset_ms=UTC_MS - 1_000, quality="synced", error_ms=60)


def test_the_machines_clocks_are_what_they_are_called(tmp_path: Path) -> None:
    """Boot id without its newline, monotonic time that never goes back, and a bounded kernel error or none."""
    boot_id = tmp_path / "boot_id"
    boot_id.write_text(BOOT + "\n")
    clock = SystemClock(boot_id_file=boot_id, rtc_device=tmp_path / "rtc0")
    assert clock.boot() == BOOT
    assert 0 < clock.monotonic_ms() <= clock.monotonic_ms()
    error_ms = clock.kernel_error_ms()
    assert error_ms is None or error_ms >= KERNEL_ERROR_FLOOR_MS


@pytest.mark.parametrize(("there", "quality"), [(True, "rtc"), (False, "guess")])
def test_a_battery_clock_makes_a_better_guess(tmp_path: Path, there: bool, quality: str) -> None:
    """Without a time service the clock is worth more when the machine has a battery clock."""
    device = tmp_path / "rtc0"
    if there:
        device.mkdir()
    assert SystemClock(rtc_device=device).untrusted_quality() == quality
