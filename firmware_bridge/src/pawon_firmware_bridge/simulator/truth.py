"""What the simulated devices really said and when: the oracle that tests compare a whole chain with."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRow:
    """A new value that a device began to send (`event` empty), or something that happened to it.

    `time` is Unix seconds; `value` is None with a `state` other than `ok`, and for events without a number.
    For `add`, `take` and `settled` it is the mass in grams once all has come to rest.
    """

    device: str
    channel: str
    quantity: str
    time: float
    value: float | None
    state: str
    event: str


class Truth:
    """Writes rows as JSON lines to `file`, hands events to `on_event`, and leaves repetitions out."""

    def __init__(self, file: TextIO | None, on_event: Callable[[TruthRow], None] | None) -> None:
        self._file = file
        self._on_event = on_event
        self._last: dict[tuple[str, str], tuple[float | None, str]] = {}

    def value(self, device: str, quantity: str, value: float | None, *, channel: str = "", state: str = "ok") -> None:
        """A device is about to send this; written only if it is news."""
        if self._last.get((device, channel)) == (value, state):
            return
        self._last[device, channel] = (value, state)
        self._write(device, channel, quantity, value, state, "")

    def event(
        self, device: str, event: str, *, channel: str = "", quantity: str = "", value: float | None = None
    ) -> None:
        """Something happened."""
        self._write(device, channel, quantity, value, "ok", event)

    def _write(self, device: str, channel: str, quantity: str, value: float | None, state: str, event: str) -> None:
        if self._file is None and not (event and self._on_event):
            return
        row = TruthRow(
            device=device,
            channel=channel,
            quantity=quantity,
            time=time.time(),
            value=value,
            state=state,
            event=event,
        )
        if self._file is not None:
            self._file.write(json.dumps(asdict(row)) + "\n")
            self._file.flush()
        if event and self._on_event is not None:
            self._on_event(row)
