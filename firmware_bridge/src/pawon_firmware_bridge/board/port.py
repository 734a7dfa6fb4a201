"""A board's serial port for an installer's tool: opened for one program alone, read with a deadline.

The gateway has a driver of its own (which knows backoff and many sensors); this one needs nothing but the standard
library, and names the remedy when a port cannot be had.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pawon_firmware_bridge.board.answers import BoardAnswer, BoardSelfTest
from pawon_firmware_bridge.board.parser import BoardParser
from pawon_firmware_bridge.measurement import Event

ANSWER_S = 6.0
"""A board answers within a pass of its loop; one that is reset by the opening of its port needs 3 s first."""

MAX_READ = 4096
_SPEED_IN, _SPEED_OUT, _CONTROL = 4, 5, 2


class PortError(Exception):
    """The port or the board behind it does not do what is asked; the message names the place and the remedy."""


class BoardPort:
    """One board behind the port `path`; PortError if it cannot be opened."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = _open(path)
        self._parser = BoardParser()
        # Not 1, 2, 3: an answer to somebody who asked before us must not be taken for ours.
        self._sequence = int.from_bytes(os.urandom(2), "little")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # The mark outlives this program where another still holds the port open.
            fcntl.ioctl(self._file, termios.TIOCNXCL)
        except OSError:
            pass  # the board was unplugged meanwhile
        os.close(self._file)

    def events(self, seconds: float) -> Iterator[Event]:
        """What the board says for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._file], [], [], left)[0]:
                return
            try:
                data = os.read(self._file, MAX_READ)
            except OSError as error:
                raise PortError(f"{self.path}: the port is gone ({error.strerror}); is the board unplugged?") from error
            if not data:
                raise PortError(f"{self.path}: the port is gone; is the board unplugged?")
            yield from self._parser.feed(data)

    def ask(
        self, command: Callable[[int], bytes], *, wait_s: float = ANSWER_S
    ) -> tuple[BoardAnswer, list[Event], list[BoardSelfTest]]:
        """Send what `command` makes of a sequence; the answer, and what came before it. PortError if none comes."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        sequence = self._sequence
        heard: list[Event] = []
        try:
            os.write(self._file, command(sequence))
        except OSError as error:
            raise PortError(f"{self.path}: cannot be written ({error.strerror}); is the board unplugged?") from error
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            # In slices, because an answer is no event and would otherwise be noticed at the next one only.
            heard += self.events(min(left, 0.05))
            for answer in self._parser.take_answers():
                if answer.command_sequence == sequence:
                    tests = [test for test in self._parser.take_self_tests() if test.command_sequence == sequence]
                    return answer, heard, tests
        spoke = "it speaks, but not to us: its firmware is older" if heard else "nothing is heard from it at all"
        raise PortError(
            f"{self.path}: no answer within {wait_s:g} s, {spoke}. Is this the board's port, and does its firmware "
            "run? See docs/boards.md, When something is wrong"
        )


def plugged_ports() -> list[str]:
    """Ports a board may be on, those with a lasting name first."""
    folder = Path("/dev")
    named = sorted(str(path) for path in (folder / "serial" / "by-id").glob("*"))
    return named or sorted(str(path) for pattern in ("ttyACM*", "ttyUSB*") for path in folder.glob(pattern))


def _open(path: str) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PortError(f"{path}: {_remedy(error)}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.ioctl(file, termios.TIOCEXCL)
        tty.setraw(file)
        attributes = termios.tcgetattr(file)
        attributes[_SPEED_IN] = attributes[_SPEED_OUT] = termios.B115200
        # Hanging up on close would reset many ESP32 boards.
        attributes[_CONTROL] = attributes[_CONTROL] & ~termios.HUPCL | termios.CLOCAL | termios.CREAD
        termios.tcsetattr(file, termios.TCSANOW, attributes)
        termios.tcflush(file, termios.TCIFLUSH)
    except (OSError, termios.error) as error:
        os.close(file)
        raise PortError(f"{path}: {_remedy(error)}") from error
    return file


def _remedy(error: Exception) -> str:
    number = error.args[0] if error.args else None
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        ports = plugged_ports()
        return (
            f"no such port; plugged in are: {', '.join(ports)}" if ports else "no such port, and no other is plugged in"
        )
    if number in (errno.EACCES, errno.EPERM):
        return "not allowed; join the group dialout (sudo usermod -aG dialout $USER) and log in again"
    if number in (errno.EBUSY, errno.EWOULDBLOCK):
        return "another program holds it, probably the gateway; stop that first (sudo systemctl stop pawon-edge)"
    if number in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
        return "is no serial port"
    return str(error)
