"""A simulated scale: a platform, an indicator that prints it in its maker's format, and a port."""

from __future__ import annotations

from pathlib import Path
from random import Random

from pawon_firmware_bridge.scenarios.signals import make
from pawon_firmware_bridge.scenarios.weighing_platform import Platform, Reading
from pawon_firmware_bridge.simulator.indicators import INDICATORS, Listener, streams_unasked
from pawon_firmware_bridge.simulator.played import Player
from pawon_firmware_bridge.simulator.port import Port
from pawon_firmware_bridge.simulator.rows import EventRow, ScaleRow
from pawon_firmware_bridge.simulator.truth import Truth

LISTEN_S = 0.02
"""A scale that answers looks for questions this often."""


class Scale:
    """Sends `rate_hz` frames a second while plugged in, or answers; its mass goes on changing while it is not.

    One whose protocol does not stream stays silent until it is asked. One that plays a signal sends that, and nothing
    of its own.
    """

    def __init__(self, row: ScaleRow, directory: Path, truth: Truth, random: Random) -> None:
        self.row = row
        self.port = Port(directory / row.path)
        self.due = 0.0
        self._truth = truth
        self._random = random
        self._indicator = INDICATORS[row.protocol]
        self._listener = Listener(self._indicator.requests)
        self._streaming = streams_unasked(row.protocol)
        self._frame_due = 0.0
        self._babble_until = 0.0
        self._babble_hz = row.rate_hz
        self._platform = Platform(
            mass_g=row.mass_g,
            division_g=row.division_g,
            noise_g=row.noise_g,
            capacity_g=row.capacity_g,
            random=random,
        )
        self._player = Player(make(row.signal, row.signal_seed)) if row.signal else None

    def open(self, now: float) -> None:
        self.port.plug()
        self.due = self._frame_due = now
        if self._player is not None:
            self._player.start(now)

    def close(self) -> None:
        self.port.unplug()

    def step(self, now: float) -> None:
        """Answer what was asked, send a frame if one is due, and say when to come again."""
        if self._platform.settle(now):
            self._truth.event(self.row.name, "settled", quantity="mass_g", value=self._platform.settled_g)
        # One that answers nothing still has its port read, so that what it is told does not pile up.
        for request in self._listener.hear(self.port.read()):
            self.port.write(request.reply)
            self._streaming = self._streaming if request.streams is None else request.streams
            if request.weighs:
                self._send(self._platform.read(now) if self._player is None else self._player.newest)
        if self._player is not None:
            self._play(self._player, now)
            return
        rate_hz = self._babble_hz if now < self._babble_until else self.row.rate_hz
        if now >= self._frame_due:
            self._frame_due += 1 / rate_hz
            if self._frame_due < now:
                self._frame_due = now + 1 / rate_hz  # a late frame is skipped, never sent twice
            if self._streaming:
                self._send(self._platform.read(now))
        self.due = min(self._frame_due, now + LISTEN_S) if self._indicator.requests else self._frame_due

    def _play(self, player: Player, now: float) -> None:
        for reading in player.readings(now):
            if self._streaming:
                self._send(reading)
        for movement in player.movements(now):
            self._truth.event(self.row.name, "settled", quantity="mass_g", value=movement.after_g)
        self.due = min(player.due, now + LISTEN_S) if self._indicator.requests else player.due

    def _send(self, reading: Reading) -> None:
        frame = self._indicator.frame(self.row, reading)
        if frame and self.port.plugged:
            self._truth.value(self.row.name, "mass_g", reading.mass_g, state=reading.state)
            self.port.write(frame)

    def act(self, now: float, event: EventRow) -> None:
        """Do one of the actions a scale knows."""
        arguments = event.arguments
        match event.action:
            case "add":
                self._platform.add(now, arguments["mass_g"], arguments["duration_s"])
            case "take":
                self._platform.add(now, -arguments["mass_g"], arguments["duration_s"])
            case "touch":
                self._platform.touch(now, arguments["mass_g"], arguments["duration_s"])
            case "overload":
                self._platform.overload(now, arguments["duration_s"])
            case "unplug":
                self.port.unplug()
            case "plug":
                self.port.plug()
            case "garbage":
                self.port.write(self._random.randbytes(int(arguments["count"])))
            case "babble":
                self._babble_until, self._babble_hz = now + arguments["duration_s"], arguments["rate_hz"]
                self.due = self._frame_due = now
        self._truth.event(self.row.name, event.action, quantity="mass_g", value=self._platform.coming_g)
