"""Ports of this machine that stay a test's own, also while its server is down.

A port that was only asked for and let go again is given to the next outgoing connection of any test; a broker that is
killed and started again then finds it taken. So a socket that never listens stays bound to it: the kernel gives the
port to nobody, and a server that sets ``SO_REUSEADDR``, as every server here does, may still listen there.
"""

from __future__ import annotations

import socket

_held: list[socket.socket] = []


def own_port() -> int:
    """A port on loopback that the kernel chose; ours until this process ends. Connecting to it is refused."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    return int(holder.getsockname()[1])
