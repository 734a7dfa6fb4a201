"""Bad input is kept where it can be looked at: ``data_dir/bad_input.log``, one JSON line each, bounded.

A babbling port must neither fill the card nor wear it: per sensor the same kind of trouble is written once in
``EVERY_MS``, with the count of what came in between, and the file is turned over at 1 MB.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
from dataclasses import dataclass, field
from pathlib import Path

from .sample import Trouble

EVERY_MS = 10_000
MAX_FILE_BYTES = 1 << 20
MAX_RAW_BYTES = 64


@dataclass(slots=True)
class Complaints:
    """Writes troubles down. ``utc`` makes the time readable; it decides nothing."""

    path: Path
    _said: dict[tuple[str, str], int] = field(default_factory=dict)
    _between: dict[tuple[str, str], int] = field(default_factory=dict)
    _file: logging.Logger = field(init=False)

    def __post_init__(self) -> None:
        self._file = logging.Logger("bad-input")
        handler = logging.handlers.RotatingFileHandler(
            self.path, maxBytes=MAX_FILE_BYTES, backupCount=1, encoding="utf-8", delay=True
        )
        handler.setFormatter(logging.Formatter("%(message)s"))
        # A full disk is told by the spool; a complaint that cannot be written is only lost.
        handler.handleError = lambda record: None  # type: ignore[method-assign]  # logging's own hook for this
        self._file.addHandler(handler)

    def take(self, trouble: Trouble, utc: str) -> bool:
        """Write one trouble down, or count it; whether it was written."""
        key = (trouble.sensor, trouble.kind)
        last = self._said.get(key)
        if last is not None and trouble.at_ms - last < EVERY_MS:
            self._between[key] = self._between.get(key, 0) + 1
            return False
        self._said[key] = trouble.at_ms
        line = {
            "time": utc, "sensor": trouble.sensor, "kind": trouble.kind, "detail": trouble.detail,
            "raw": trouble.raw[:MAX_RAW_BYTES].hex(" "), "more_since": self._between.pop(key, 0),
        }  # fmt: skip
        self._file.info(json.dumps(line, ensure_ascii=False))
        return True
