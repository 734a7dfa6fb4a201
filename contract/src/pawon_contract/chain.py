"""The hash chain over canonical rows.

A row's canonical form is its place and its own bytes: ``sequence``, ``boot`` and the item's JSON exactly as the
gateway's spool stored it. Batch borders, compression, clock offset and transport are outside, so the same rows verify
in any batch size, after thinning and from any uplink. A ``Gap`` takes the place of the rows it replaces and carries
the chain value at its end, so the chain goes on from there.
"""

from __future__ import annotations

import hashlib

CHAIN_BYTES = 32


def genesis(spool: str) -> bytes:
    """The chain value before the first row of a spool."""
    return hashlib.sha256(b"pawon-spool-v1\n" + spool.encode()).digest()


def link(previous: bytes, sequence: int, boot: str, item: bytes) -> bytes:
    """The chain value after one row. The item comes last and nothing follows it, so no two rows share a spelling."""
    return hashlib.sha256(b"%b%d\n%b\n%b" % (previous, sequence, boot.encode(), item)).digest()
