"""Time on a machine without a clock battery."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_contract.clocks import DRIFT_PPM, FIRST_UTC_MS, LAST_UTC_MS, drift_ms
from pawon_contract.messages import TRUSTED_CLOCKS
from pawon_edge.clock import (
    FIX_PATIENCE_MS,
    FIX_WITHIN_MS,
    KERNEL_ERROR_FLOOR_MS,
    SERVER_ERROR_FLOOR_MS,
    SYNCED_WITHIN_MS,
    Offset,
    SystemClock,
    Timekeeper,
)

BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"
UTC_MS = 1_790_000_000_000
GUESS = Offset(offset_ms=0, quality="guess", error_ms=0)


def keeper(offset: Offset = GUESS, *, fixed: bool = False) -> Timekeeper:
    """A gateway's time right after its start."""
    return Timekeeper(boot=BOOT, offset=offset, fixed=fixed)


@given(
    true_offset=st.integers(min_value=FIRST_UTC_MS, max_value=2 * 10**12),
    sent=st.integers(min_value=0, max_value=10**9),
    there=st.integers(min_value=0, max_value=20_000),
    back=st.integers(min_value=1, max_value=20_000),
)
def test_a_servers_answer_is_true_within_its_round_trip(true_offset: int, sent: int, there: int, back: int) -> None:
    """However long each way took, the real offset lies within the stated error, and the error is the round trip."""
    time = keeper()
    time.observe_server(sent + there + true_offset, sent, sent + there + back)
    assert time.offset.quality == "server"
    assert time.offset.error_ms == max(SERVER_ERROR_FLOOR_MS, there + back)
    assert abs(time.offset.offset_ms - true_offset) <= time.offset.error_ms


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), min_size=1, max_size=20))
def test_the_servers_time_is_only_replaced_by_what_is_better_now(answers: list[tuple[int, int]]) -> None:
    """Jitter of later answers moves no past to and fro: the quickest stands until drift has made it the worse."""
    time, now = keeper(), 1_000
    best: int | None = None
    for there, back in answers:
        received = now + there + back
        time.observe_server(now + there + UTC_MS, now, received)
        fresh = max(SERVER_ERROR_FLOOR_MS, there + back)
        grown = None if best is None else best + drift_ms(received - learnt)  # noqa: F821 - set with ``best``
        if grown is None or fresh < grown:
            best, learnt = fresh, received
        assert (time.offset.error_ms, time.known_ms) == (best, learnt)
        now = received + 60_000


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


def test_what_no_clock_can_say_is_refused_with_its_reason() -> None:
    """1970 and 2106: neither a server nor a time service is believed, and a person is told."""
    for wrong in (0, FIRST_UTC_MS - 1, LAST_UTC_MS, 4_294_967_295_000):
        time = keeper()
        assert "the server's time is not believed" in (time.observe_server(wrong, 1_000, 1_010) or "")
        assert "the time service's time is not believed" in (time.observe_wall(wrong, 2_000, 60, "guess") or "")
        assert time.offset.quality == "guess"
        assert time.take_fix() is None


def test_known_time_grows_old_when_nobody_confirms_it() -> None:
    """Three days after the time service was lost the error has grown by 100 ppm, and ``synced`` is no longer said."""
    time, days = keeper(), 3 * 86_400_000
    time.observe_wall(UTC_MS + 1_000, 1_000, 60, "guess")
    assert time.at(1_000) == Offset(offset_ms=UTC_MS, quality="synced", error_ms=60)
    time.observe_wall(UTC_MS + 1_000 + days, 1_000 + days, None, "guess")
    assert time.at(1_000 + days) == Offset(
        offset_ms=UTC_MS, quality="server", error_ms=60 + days * DRIFT_PPM // 1_000_000
    )
    time.observe_server(UTC_MS + 9_000 + 2_000 + days, 2_000 + days, 2_200 + days)  # 9 s of drift are within the bound
    assert time.at(2_200 + days).error_ms == 200


def test_a_time_service_that_lost_its_source_does_not_make_known_time_worse() -> None:
    """The kernel's own bound grows by 500 ppm without a source; what was known before is better and is kept."""
    time = keeper()
    time.observe_wall(UTC_MS + 1_000, 1_000, 60, "guess")
    for n in range(1, 200):
        at = 1_000 + n * 60_000
        time.observe_wall(UTC_MS + at, at, 60 + n * 30, "guess")
        assert time.at(at).error_ms == 60 + n * 6


def test_a_time_service_that_steps_again_is_believed_and_told() -> None:
    """Within the stated errors nothing is said; a step beyond them moves the offset, and the fix is not repeated."""
    time = keeper()
    assert time.observe_wall(UTC_MS, 1_000, 60, "guess") is None
    assert time.take_fix() is not None
    assert time.observe_wall(UTC_MS + 5_100, 6_000, 60, "guess") is None
    said = time.observe_wall(UTC_MS + 86_400_000 + 10_000, 11_000, 60, "guess")
    assert said == "the time service moved the time by 86399.9 s"
    assert time.offset.offset_ms == UTC_MS + 86_400_000 - 1_000
    assert time.take_fix() is None


def test_a_server_that_contradicts_a_lost_time_service_is_not_believed() -> None:
    """What a time service said and 100 ppm of drift is a bound; a server beyond it has a wrong clock."""
    time, hours = keeper(), 10 * 3_600_000
    time.observe_wall(UTC_MS, 0, 60, "guess")
    said = time.observe_server(UTC_MS + hours + 60_000, hours, hours + 40)
    assert said is not None
    assert "time service said otherwise" in said
    assert time.offset.offset_ms == UTC_MS


def test_a_fix_over_a_slow_link_waits_for_a_quicker_answer_but_not_for_ever() -> None:
    """The one restamp of a boot waits for 2 s at most, or takes after ten minutes what there is, with its error."""
    time = keeper()
    time.observe_server(UTC_MS + 2_500, 0, 5_000)
    assert time.offset.quality == "server"
    assert time.take_fix() is None
    time.observe_server(UTC_MS + 61_000, 60_000, 61_900)
    fix = time.take_fix()
    assert fix is not None
    assert fix.error_ms == 1_900
    slow = keeper()
    slow.observe_server(UTC_MS + 2_500, 0, 5_000)
    slow.observe_server(UTC_MS + FIX_PATIENCE_MS + 2_500, FIX_PATIENCE_MS, FIX_PATIENCE_MS + 5_000)
    fix = slow.take_fix()
    assert fix is not None
    assert fix.error_ms == 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalling(SystemClock):
    """A machine whose time service steps, or that stalls, in the middle of a look."""

    steps: list[int | None]
    moments: list[int]

    def monotonic_ms(self) -> int:
        """The next moment."""
        return self.moments.pop(0)

    def utc_ms(self) -> int:
        """A wall clock."""
        return UTC_MS

    def kernel_error_ms(self) -> int | None:
        """What the kernel says at this moment."""
        return self.steps.pop(0)


@pytest.mark.parametrize(
    ("steps", "moments", "error"),
    [([60, 70], [5, 5], 70), ([60, 60], [5, 905], 960), ([None, 60], [5, 5], None), ([60, None], [5, 5], None)],
)
def test_a_look_is_as_good_as_the_moment_it_took(
    steps: list[int | None], moments: list[int], error: int | None
) -> None:
    """A kernel that vouches only before or only after the clock was read vouches for nothing; a stall is an error."""
    assert Stalling(steps=list(steps), moments=list(moments)).look().error_ms == error


@given(st.data())
def test_no_stamp_is_ever_farther_from_the_truth_than_stated(data: st.DataObject) -> None:
    """A true clock with up to 100 ppm of drift, a kernel whose bound is true, a server that is right, sync lost for
    days, restarts of the process: at every moment |offset + monotonic - truth| <= the stated bound, ``synced``
    means a second at most, and the fix is within 2 s and 100 ppm of the distance for every row of the boot."""
    draw = data.draw
    ppm = draw(st.integers(-DRIFT_PPM, DRIFT_PPM))
    begin = draw(st.integers(FIRST_UTC_MS, LAST_UTC_MS - 40 * 86_400_000))
    wrong = draw(st.integers(-(10**10), 10**10))

    def truth(monotonic: int) -> float:
        return begin + monotonic * (1 + ppm / 1_000_000)

    time, now, fix = keeper(), 0, None
    moments = []
    for _ in range(draw(st.integers(1, 12))):
        now += draw(st.sampled_from([1_000, 60_000, 3_600_000, 86_400_000, 3 * 86_400_000]))
        kind = draw(st.sampled_from(["kernel", "loose", "unsynced", "server", "restart"]))
        if kind in ("kernel", "loose"):
            error = draw(st.integers(KERNEL_ERROR_FLOOR_MS, SYNCED_WITHIN_MS if kind == "kernel" else 16_000))
            off = draw(st.integers(-error + 1, error - 1))
            time.observe_wall(int(truth(now)) + off, now, error, "guess")
        elif kind == "unsynced":
            time.observe_wall(int(truth(now)) + wrong, now, None, "guess")
        elif kind == "server":
            there, back = draw(st.integers(0, 4_000)), draw(st.integers(0, 4_000))
            time.observe_server(int(truth(now + there)), now, now + there + back)
            now += there + back
        else:
            time = Timekeeper(boot=BOOT, offset=time.offset, fixed=time.fixed)
        moments.append(now)
        fix = time.take_fix() or fix
        stated = time.at(now)
        if stated.quality in TRUSTED_CLOCKS:
            assert abs(stated.offset_ms + now - truth(now)) <= stated.error_ms
            assert stated.quality != "synced" or stated.error_ms <= SYNCED_WITHIN_MS
        if fix is not None and fix.error_ms <= FIX_WITHIN_MS:
            for at in moments:
                bound = fix.error_ms + drift_ms(at - fix.at_ms)
                assert abs(fix.offset_ms + at - truth(at)) <= bound + 1  # the truth has fractions, a stamp has none
