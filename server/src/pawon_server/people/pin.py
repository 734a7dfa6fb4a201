"""PINs: which are accepted, how they are kept, and how often one may be wrong.

Kept as scrypt with a salt of its own: reading the record does not tell a PIN, though six digits can be tried out by
whoever holds the record for long enough. So they open the staff pages of one kitchen and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# About 60 ms and 32 MB a try (RFC 7914's cost of 2^15 for interactive logins).
COST_N, COST_R, COST_P = 2**15, 8, 1
MEMORY_BYTES = 96 << 20
SHORTEST, LONGEST = 6, 12

# After so many wrong PINs each further one costs a wait that doubles.
FREE_TRIES = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 900.0
# So many names are remembered; the oldest are forgotten, and every name shares the bound on all tries.
MAX_NAMES = 1_000
MAX_TRIES_A_MINUTE = 30


def unfit(pin: str) -> str | None:
    """Why a PIN is not accepted, in Indonesian; ``None`` when it is."""
    if not pin.isascii() or not pin.isdigit() or not SHORTEST <= len(pin) <= LONGEST:
        return f"PIN harus {SHORTEST} sampai {LONGEST} angka"
    steps = {(int(b) - int(a)) % 10 for a, b in itertools.pairwise(pin)}
    if (len(steps) == 1 and steps <= {0, 1, 9}) or len(set(pin)) < 3:
        return "PIN terlalu mudah ditebak"
    return None


def hash_pin(pin: str) -> str:
    """``scrypt$n$r$p$salt$hash``, both in hex."""
    salt = secrets.token_bytes(16)
    return f"scrypt${COST_N}${COST_R}${COST_P}${salt.hex()}${_derive(pin, salt, COST_N, COST_R, COST_P).hex()}"


def fits(pin: str, kept: str) -> bool:
    """Whether a PIN is the one that was kept; takes as long when nothing was."""
    kind, _, rest = kept.partition("$")
    parts = rest.split("$")
    if kind != "scrypt" or len(parts) != 5:
        _derive(pin, b"nobody", COST_N, COST_R, COST_P)
        return False
    n, r, p, salt, digest = parts
    return hmac.compare_digest(_derive(pin, bytes.fromhex(salt), int(n), int(r), int(p)).hex(), digest)


def _derive(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=r, p=p, maxmem=MEMORY_BYTES, dklen=32)


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    wait_until_s: float = 0.0


class Throttle:
    """How long a name has to wait before its next PIN is looked at. Not for more than one thread at a time."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._names: OrderedDict[str, _Tries] = OrderedDict()
        self._minute, self._in_minute = 0, 0

    def wait_s(self, name: str) -> float:
        """Seconds until a PIN of this name is looked at; 0 when it may be now, which then counts as a try."""
        now_s = self._clock_s()
        tries = self._names.get(name)
        if tries is not None and tries.wait_until_s > now_s:
            return tries.wait_until_s - now_s
        minute = int(now_s // 60)
        if minute != self._minute:
            self._minute, self._in_minute = minute, 0
        if self._in_minute >= MAX_TRIES_A_MINUTE:
            return (minute + 1) * 60 - now_s
        self._in_minute += 1
        return 0.0

    def told(self, name: str, *, right: bool) -> None:
        """What the try was."""
        if right:
            self._names.pop(name, None)
            return
        tries = self._names.setdefault(name, _Tries())
        self._names.move_to_end(name)
        tries.wrong += 1
        if tries.wrong >= FREE_TRIES:
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(20, tries.wrong - FREE_TRIES))
            tries.wait_until_s = self._clock_s() + wait_s
        while len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)
