"""After an upgrade that gave projections another shape: derive them from the journal before the server begins.

The migration empties such tables and leaves a fact ``derive:<kitchen>``; a server that met it would show a kitchen
without stock. What rules of today judge otherwise than those of then is put right at the same time, as by ``rebuild``.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from ..store.database import Store, forget_fact, has_fact
from .rebuild import repair

log = logging.getLogger(__name__)


def derive_after_upgrade(store: Store, kitchen: str, now_ms: int) -> bool:
    """Derive what an upgrade emptied; whether there was anything. Raises ``StoreError``."""
    fact = f"derive:{kitchen}"
    if not has_fact(store, fact):
        return False
    log.warning("the store was upgraded: its tables are derived again from the journal; this may take minutes")
    folder = store.address.parent if isinstance(store.address, Path) else Path(tempfile.gettempdir())
    done = repair(store, kitchen, folder, now_ms)
    if done.finding is not None:
        log.critical("the journal cannot be believed (%s): tables stay empty; run pawon-server verify", done.finding)
        return False
    forget_fact(store, fact)
    log.warning("derived again from %d entries", done.entries)
    return True
