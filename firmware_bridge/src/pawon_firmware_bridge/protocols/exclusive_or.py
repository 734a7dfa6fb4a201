"""The checksum of the Yaohua indicators: exclusive or of some bytes, sent as two characters."""

from __future__ import annotations

from functools import reduce
from operator import xor


def checksum(data: bytes) -> bytes:
    """Two upper-case hex characters, high half first (XK3190-A9+ manual p. 10)."""
    return b"%02X" % reduce(xor, data, 0)
