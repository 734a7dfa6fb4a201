"""Time on a machine without a clock battery: boot id, monotonic time, and what is known of UTC.

Rows are stamped with ``monotonic_ms`` of the boot. UTC = offset + monotonic, where the offset is an estimate with a
quality and an error until the kernel or the server's answer makes it known; then one ``ClockFix`` row says so. What is
known grows old: away from the moment at which it was learnt the error grows by what a crystal may drift.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pawon_contract.clocks import drift_ms, no_time
from pawon_contract.messages import TRUSTED_CLOCKS, ClockFix, ClockQuality

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
RTC_DEVICE = Path("/sys/class/rtc/rtc0")
# Linux' estimate of its own error is not below this in practice, and SNTP over a home link is not better.
KERNEL_ERROR_FLOOR_MS = 50
# Clocks are read in whole milliseconds, three of them for one answer.
SERVER_ERROR_FLOOR_MS = 5
# What ``synced`` promises; a time service that vouches for less only makes time known.
SYNCED_WITHIN_MS = 1_000
# What one ``ClockFix`` promises at its own moment; over a slow link it waits so long for a quicker answer.
FIX_WITHIN_MS = 2_000
FIX_PATIENCE_MS = 600_000
SYNC_BEGINS: tuple[ClockQuality, ClockQuality] = ("synced", "server")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


class _Timex(ctypes.Structure):
    """The head of ``struct timex``; the rest is room for the kernel to write into."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_char * 256),
    )


def kernel_error_ms() -> int | None:
    """The kernel's bound on its clock's error, or ``None`` while no time service disciplines it (adjtimex(2))."""
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state < 0 or state == _TIME_ERROR:
        return None
    return max(KERNEL_ERROR_FLOOR_MS, int(timex.maxerror) // 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the wall clock; ``error_ms`` is ``None`` while nothing disciplines it."""

    utc_ms: int
    monotonic_ms: int
    error_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemClock:
    """This machine's clocks. Tests and the torture run put other ones in their place."""

    boot_id_file: Path = BOOT_ID_FILE
    rtc_device: Path = RTC_DEVICE

    def boot(self) -> str:
        """The kernel's id of this boot: a restarted process continues the same timeline."""
        return self.boot_id_file.read_text(encoding="ascii").strip()

    def monotonic_ms(self) -> int:
        """Milliseconds since boot, counting sleep (CLOCK_BOOTTIME)."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def utc_ms(self) -> int:
        """The wall clock, right or wrong."""
        return time.time_ns() // 1_000_000

    def kernel_error_ms(self) -> int | None:
        """See ``kernel_error_ms``."""
        return kernel_error_ms()

    def look(self) -> Look:
        """The wall clock and what it is worth, as of one moment. The kernel must vouch for it before and after: a time
        service may step the clock in between; and a machine that stalls while it looks knows less."""
        monotonic_ms, before_ms = self.monotonic_ms(), self.kernel_error_ms()
        utc_ms, after_ms = self.utc_ms(), self.kernel_error_ms()
        took_ms = self.monotonic_ms() - monotonic_ms
        error_ms = None if before_ms is None or after_ms is None else max(before_ms, after_ms) + took_ms
        return Look(utc_ms=utc_ms, monotonic_ms=monotonic_ms, error_ms=error_ms)

    def untrusted_quality(self) -> Literal["rtc", "guess"]:
        """What an undisciplined clock is worth: with a battery clock it is at least near."""
        return "rtc" if self.rtc_device.exists() else "guess"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """UTC ms = ``offset_ms`` + monotonic ms, within ``error_ms`` when the quality is a trusted one."""

    offset_ms: int
    quality: ClockQuality
    error_ms: int


@dataclass(slots=True, kw_only=True)
class Timekeeper:
    """Keeps the offset of the present boot. Pure: times come in as arguments.

    ``offset`` was right at ``known_ms`` of this boot, within its error; ``at`` tells what it is worth later. A process
    that starts again in the boot has forgotten the moment: 0 is the farthest it can lie back.
    """

    boot: str
    offset: Offset
    known_ms: int = 0
    fixed: bool = False
    _waits_since_ms: int | None = None
    _pending: list[ClockFix] = field(default_factory=list)

    def at(self, now_ms: int) -> Offset:
        """What the offset is worth now. A time service that was lost long ago leaves time known, but not synced."""
        if self.offset.quality not in TRUSTED_CLOCKS:
            return self.offset
        error_ms = self.offset.error_ms + drift_ms(now_ms - self.known_ms)
        synced = self.offset.quality == "synced" and error_ms <= SYNCED_WITHIN_MS
        return Offset(offset_ms=self.offset.offset_ms, quality="synced" if synced else "server", error_ms=error_ms)

    def observe_wall(
        self, utc_ms: int, monotonic_ms: int, error_ms: int | None, untrusted: Literal["rtc", "guess"]
    ) -> str | None:
        """Look at the machine's own clock; ``error_ms`` is ``None`` while nothing disciplines it. Returns what a person
        should know of it."""
        said = None
        if error_ms is not None and (why := no_time(utc_ms)) is not None:
            said, error_ms = f"the time service's time is not believed: {why}", None
        if error_ms is None:
            if self.offset.quality not in TRUSTED_CLOCKS:
                self.offset = Offset(offset_ms=utc_ms - monotonic_ms, quality=untrusted, error_ms=0)
        else:
            quality: ClockQuality = "synced" if error_ms <= SYNCED_WITHIN_MS else "server"
            seen, known = Offset(offset_ms=utc_ms - monotonic_ms, quality=quality, error_ms=error_ms), None
            if self.offset.quality in TRUSTED_CLOCKS:
                known = self.at(monotonic_ms)
                if _contradict(seen, known):
                    said = f"the time service moved the time by {(seen.offset_ms - known.offset_ms) / 1000:.1f} s"
            # One that corrects itself is right; one that has lost its source says the same with ever less certainty.
            if known is None or said or seen.error_ms <= known.error_ms or (seen.quality, known.quality) == SYNC_BEGINS:
                self._learn(seen, monotonic_ms)
        self._consider_fix(monotonic_ms)
        return said

    def observe_server(self, server_time_ms: int, sent_ms: int, received_ms: int) -> str | None:
        """The server's time from the answer to a batch of this connection; the round trip is the error. Returns what a
        person should know of it."""
        if (why := no_time(server_time_ms)) is not None:
            return f"the server's time is not believed: {why}"
        said, round_trip_ms = None, max(SERVER_ERROR_FLOOR_MS, received_ms - sent_ms)
        offset_ms = server_time_ms - (sent_ms + received_ms) // 2
        seen = Offset(offset_ms=offset_ms, quality="server", error_ms=round_trip_ms)
        known = self.at(received_ms)
        if known.quality == "synced":
            return None
        if known.quality in TRUSTED_CLOCKS and _contradict(seen, known):
            said = f"the server's time differs by {(seen.offset_ms - known.offset_ms) / 1000:.1f} s from what was known"
            if self.offset.quality == "synced":
                return f"{said}; a time service said otherwise and is believed"
        # A later answer only counts when it is the better one: jitter must not move the past to and fro.
        if known.quality not in TRUSTED_CLOCKS or said or seen.error_ms < known.error_ms:
            self._learn(seen, received_ms)
        self._consider_fix(received_ms)
        return said

    def take_fix(self) -> ClockFix | None:
        """The row that tells when time became known, once a boot."""
        return self._pending.pop() if self._pending else None

    def _learn(self, offset: Offset, now_ms: int) -> None:
        self.offset, self.known_ms = offset, now_ms

    def _consider_fix(self, now_ms: int) -> None:
        known = self.at(now_ms)
        if self.fixed or known.quality not in TRUSTED_CLOCKS:
            return
        if self._waits_since_ms is None:
            self._waits_since_ms = now_ms
        if known.error_ms > FIX_WITHIN_MS and now_ms - self._waits_since_ms < FIX_PATIENCE_MS:
            return
        self.fixed = True
        source: Literal["synced", "server"] = "synced" if known.quality == "synced" else "server"
        self._pending.append(
            ClockFix(at_ms=now_ms, boot=self.boot, offset_ms=known.offset_ms, error_ms=known.error_ms, source=source)
        )


def _contradict(one: Offset, other: Offset) -> bool:
    """Whether the two cannot both be right."""
    return abs(one.offset_ms - other.offset_ms) > one.error_ms + other.error_ms
