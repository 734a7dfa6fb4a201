"""Time on a machine without a clock battery: boot id, monotonic time, and what is known of UTC.

Rows are stamped with ``monotonic_ms`` of the boot. UTC = offset + monotonic, where the offset is an estimate with a
quality and an error until the kernel or the server's answer makes it known; then one ``ClockFix`` row says so.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pawon_contract.messages import TRUSTED_CLOCKS, ClockFix, ClockQuality

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
RTC_DEVICE = Path("/sys/class/rtc/rtc0")
# Linux' estimate of its own error is not below this in practice, and SNTP over a home link is not better.
KERNEL_ERROR_FLOOR_MS = 50
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
    """Keeps the offset of the present boot. Pure: times come in as arguments."""

    boot: str
    offset: Offset
    fixed: bool = False
    _pending: list[ClockFix] = field(default_factory=list)

    def observe_wall(
        self, utc_ms: int, monotonic_ms: int, error_ms: int | None, untrusted: Literal["rtc", "guess"]
    ) -> None:
        """Look at the machine's own clock; ``error_ms`` is ``None`` while nothing disciplines it."""
        if error_ms is not None:
            self._trust(Offset(offset_ms=utc_ms - monotonic_ms, quality="synced", error_ms=error_ms), monotonic_ms)
        elif self.offset.quality not in TRUSTED_CLOCKS:
            self.offset = Offset(offset_ms=utc_ms - monotonic_ms, quality=untrusted, error_ms=0)

    def observe_server(self, server_time_ms: int, sent_ms: int, received_ms: int) -> None:
        """The server's time from the answer to a batch of this connection; the round trip is the error."""
        if self.offset.quality == "synced":
            return
        round_trip_ms = max(1, received_ms - sent_ms)
        # A later answer only counts when it is the better one: jitter must not move the past to and fro.
        if self.offset.quality == "server" and round_trip_ms >= self.offset.error_ms:
            return
        middle = sent_ms + round_trip_ms // 2
        self._trust(Offset(offset_ms=server_time_ms - middle, quality="server", error_ms=round_trip_ms), received_ms)

    def take_fix(self) -> ClockFix | None:
        """The row that tells when time became known, once a boot."""
        return self._pending.pop() if self._pending else None

    def _trust(self, offset: Offset, now_ms: int) -> None:
        if offset.quality in ("synced", "server") and not self.fixed:
            self.fixed = True
            source: Literal["synced", "server"] = "synced" if offset.quality == "synced" else "server"
            self._pending.append(
                ClockFix(
                    at_ms=now_ms, boot=self.boot, offset_ms=offset.offset_ms, error_ms=offset.error_ms, source=source
                )
            )
        self.offset = offset
