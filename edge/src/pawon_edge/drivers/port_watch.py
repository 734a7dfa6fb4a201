"""What is wrong with a port that brings nothing good? Named from what came through it. Pure: bytes counts and times in.

The port's own state says nothing (an unplugged adapter stays "open"), and one bad frame says little. So this counts
since the port was opened, and names the trouble by what is typical: bytes without a single frame are a wrong speed or
protocol, a frame that never ends is a hanging device, more bytes than the line can carry are a babbler.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Four frames of the longest scale format: so much without one whole frame is no accident of joining in the middle.
UNREADABLE_BYTES = 256
# What began has to end: the longest frame takes 0.3 s at 1200 baud.
HALF_FRAME_MS = 2_000
# Kept to show what came.
TAIL_BYTES = 64
# A line carries at most baud / 10 bytes a second; adapters hand over in lumps, so a second's worth may come at once.
LUMP_BYTES = 8_192
BABBLE_FACTOR = 2.0


@dataclass(slots=True, kw_only=True)
class PortWatch:
    """One opening of one port. ``opened_ms``: monotonic ms."""

    baud: int
    opened_ms: int
    good: int = 0
    _bytes: int = 0
    _tail: bytes = b""
    _said_bytes: int = 0
    _heard_ms: int = 0
    _half_said: bool = False
    _window_ms: int = field(default=0)
    _window_bytes: int = 0

    def heard(self, data: bytes, good: int, at_ms: int) -> None:
        """Bytes that came, and how many usable frames they completed."""
        if at_ms - self._window_ms >= 1_000:
            self._window_ms, self._window_bytes = at_ms, 0
        self._window_bytes += len(data)
        self._bytes += len(data)
        self.good += good
        self._heard_ms, self._half_said = at_ms, False
        self._tail = (self._tail + data)[-TAIL_BYTES:]

    @property
    def tail(self) -> bytes:
        """The newest bytes."""
        return self._tail

    @property
    def babbles(self) -> bool:
        """More has come in this second than the line could carry."""
        return self._window_bytes > LUMP_BYTES + BABBLE_FACTOR * self.baud / 10

    def trouble(self, waiting: int, at_ms: int) -> tuple[str, str] | None:
        """Kind and detail of what is wrong now, each told once until more came. ``waiting``: bytes of a begun frame."""
        if self.good == 0 and self._bytes - self._said_bytes >= UNREADABLE_BYTES:
            self._said_bytes = self._bytes
            detail = (
                f"{self._bytes} bytes and not one frame: speed, framing or protocol is wrong; try pawon-edge wizard"
            )
            return "unreadable", detail
        if waiting and not self._half_said and at_ms - self._heard_ms >= HALF_FRAME_MS:
            self._half_said = True
            return "half_frame", f"stopped in the middle of a frame, {waiting} bytes of it came"
        return None

    def name_bad_frame(self) -> str:
        """A frame that was refused: noise on a line that works, or a line that never worked."""
        return "bad_frames" if self.good else "unreadable"
