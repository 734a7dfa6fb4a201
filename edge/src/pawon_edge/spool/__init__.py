"""The spool: ``store`` accepts and keeps rows in SQLite; what the card does to them is met by the modules beside it."""

from .opening import SpoolError
from .store import Spool, SpooledRow

__all__ = ["Spool", "SpoolError", "SpooledRow"]
