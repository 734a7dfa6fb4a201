"""After an upgrade that gave projections another shape: derive them from the journal before the server begins.

The migration empties such tables and leaves a fact ``derive:<kitchen>``; a server that met it would show a kitchen
without stock. What rules of today judge otherwise than those of then is put right at the same time, as by ``rebuild``.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from ..store.database import Store, forget_fact, has_fact
from .rebuild import repair

# Beside the store, for as long as it takes.
SCRATCH = "pawon-derive"

log = logging.getLogger(__name__)


def derive_after_upgrade(store: Store, kitchen: str, now_ms: int) -> bool:
    """Derive what an upgrade emptied; whether there was anything. Raises ``StoreError``."""
    fact = f"derive:{kitchen}"
    if not has_fact(store, fact):
        return False
    log.warning("the store was upgraded: its tables are derived again from the journal; this may take minutes")
    if isinstance(store.address, Path):  # this server's alone: what a killed one left would fill the disk in time
        folder = store.address.parent / SCRATCH
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        done = repair(store, kitchen, folder, now_ms)
        shutil.rmtree(folder, ignore_errors=True)
    else:
        done = repair(store, kitchen, Path(tempfile.gettempdir()), now_ms)
    if done.finding is not None:
        log.critical("the journal cannot be believed (%s): tables stay empty; run pawon-server verify", done.finding)
        return False
    forget_fact(store, fact)
    log.warning("derived again from %d entries", done.entries)
    return True
