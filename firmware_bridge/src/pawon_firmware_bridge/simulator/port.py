"""A serial port that is a pty: a link with a steady name, a wire that never makes its writer wait.

When nobody has the port open, bytes are lost as on a wire without a listener; when a reader has it open and does not
read, the oldest bytes are thrown away, so that it hears the present and not the last minutes.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import termios
import tty
from pathlib import Path

MAX_READ = 4096
MAX_UNREAD = 1024
"""Bytes a reader may leave lying: about seven seconds of an indicator with ten frames a second. A pty alone would keep
up to 14 kB for it, which is a minute and a half of the past."""


class Port:
    """A pty behind the link `path`; closed and unlinked until `plug`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master: int | None = None
        self._slave_name = ""
        self._was_attached = False
        self._unchecked = 0

    def fileno(self) -> int:
        """The master's descriptor, for a selector; ValueError while unplugged."""
        if self._master is None:
            raise ValueError(f"{self.path} is unplugged")
        return self._master

    @property
    def plugged(self) -> bool:
        return self._master is not None

    def plug(self) -> None:
        """A new pty appears under the old name. FileExistsError if something that is no link has that name."""
        if self._master is not None:
            return
        if self.path.exists() and not self.path.is_symlink():
            raise FileExistsError(f"{self.path} exists and is not a simulated port")
        master, slave = os.openpty()
        tty.setraw(slave)
        self._slave_name = os.ttyname(slave)
        # A slave held open here would hide whether a reader is there.
        os.close(slave)
        os.set_blocking(master, False)
        self._master = master
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(f".{self.path.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(self._slave_name)
        new.replace(self.path)

    def unplug(self) -> None:
        """The port is gone: whoever reads it gets an end or an error, and the link no longer exists."""
        if self._master is None:
            return
        self.path.unlink(missing_ok=True)
        os.close(self._master)
        self._master = None
        self._was_attached = False

    def attached(self) -> bool:
        """True when a reader has the port open."""
        if self._master is None:
            return False
        poll = select.poll()
        poll.register(self._master, 0)
        attached = not any(event & select.POLLHUP for _, event in poll.poll(0))
        if self._was_attached and not attached:
            self._drop_unread()
        self._was_attached = attached
        return attached

    def write(self, data: bytes) -> None:
        """Send if somebody listens; never blocks, never raises for a reader that went away."""
        if self._master is None or not self.attached():
            return
        try:
            written = os.write(self._master, data)
        except BlockingIOError:
            written = 0
        except OSError:
            return  # the reader closed between the question and the write
        self._unchecked += written
        if written < len(data) or (self._unchecked >= MAX_UNREAD and self._unread() >= MAX_UNREAD):
            self._drop_unread()

    def read(self) -> bytes:
        """What the other side sent, up to `MAX_READ` bytes; empty when nothing or nobody is there."""
        if self._master is None:
            return b""
        try:
            return os.read(self._master, MAX_READ)
        except OSError:
            return b""  # nothing to read (EAGAIN), or no reader on the other side (EIO)

    def _unread(self) -> int:
        self._unchecked = 0
        slave = os.open(self._slave_name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            return int.from_bytes(fcntl.ioctl(slave, termios.FIONREAD, bytes(4)), sys.byteorder)
        finally:
            os.close(slave)

    def _drop_unread(self) -> None:
        slave = os.open(self._slave_name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            termios.tcflush(slave, termios.TCIFLUSH)
        finally:
            os.close(slave)
