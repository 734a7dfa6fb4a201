"""What every table with a serial port has: its name for the log, and the names under which the port is found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from .driver import DeviceTable, Id


class PortTable(DeviceTable):
    """A device that hangs on a serial port."""

    name: Id
    # One name of the port, or several of the same adapter: the first that is there is taken.
    path: str | Annotated[list[str], Field(min_length=1, max_length=4)]

    @property
    def paths(self) -> list[str]:
        """The port's names, the best first."""
        return [self.path] if isinstance(self.path, str) else list(self.path)

    @property
    def present_path(self) -> str:
        """The first name that is there now, for an adapter may come back under another; the best if none is."""
        return next((name for name in self.paths if Path(name).exists()), self.paths[0])

    def missing(self) -> list[str]:
        for path in self.paths:
            if os.access(path, os.R_OK | os.W_OK):
                return []
            if Path(path).exists():
                return [f"{path}: no permission; add the user to group dialout"]
        return [f"{self.paths[0]}: no such port now; plug it in, or look for it with: pawon-edge wizard"]
