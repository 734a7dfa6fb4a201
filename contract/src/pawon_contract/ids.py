"""Names given in configuration and names derived from messages.

Configured ids are short and plain so that they fit a topic, a label and a tag. Everything that is derived from a
message takes its id from the message's place in the record, ``(gateway, spool, sequence)``: a replay cannot make two.
"""

from __future__ import annotations

import re
import secrets

ID_PATTERN = r"^[a-z0-9-]{1,32}$"
_ID = re.compile(ID_PATTERN)


def is_id(text: str) -> bool:
    """Whether ``text`` may be configured as a kitchen, gateway, sensor, place or item id."""
    return _ID.fullmatch(text) is not None


def new_spool_id() -> str:
    """An id for a spool at its creation: 80 random bits, so that two cards never share one by chance."""
    return secrets.token_hex(10)


def row_id(gateway: str, spool: str, sequence: int) -> str:
    """The name of one accepted row, the root of every id derived from it."""
    return f"{gateway}.{spool}.{sequence}"
