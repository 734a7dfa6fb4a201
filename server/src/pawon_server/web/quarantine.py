"""``/quarantine``: what gateways sent and nobody could use, for those who look after the kitchen.

It names gateways and shows bytes, so the public page does not lead here; ``/api/docs`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Engine

from ..projections.projector import SET_ASIDE
from .api import Cursor, kept_rows
from .language import Speech
from .pages import Screens
from .view import Snapshot

# Rows on one page; bytes of a row that are shown, as text where they are text.
PAGE_ROWS = 50
SHOWN_BYTES = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLook:
    """One row as the page writes it. ``what`` and ``todo`` are for people, ``reason`` is the machine's own word."""

    id: str
    gateway: str
    place: str
    when: str
    what: str
    todo: str
    reason: str
    size: int
    beginning: str


def quarantine_page(reader: Engine, kitchen: str, snapshot: Callable[[], Snapshot], screens: Screens) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/quarantine")
    def quarantine(request: Request, cursor: Cursor = None) -> Response:
        rows, following = kept_rows(reader, kitchen, None, cursor, PAGE_ROWS)
        now = snapshot()
        speech, _ = screens.speech(request)
        looks = [_look(row, speech, now) for row in rows]
        return screens.page(
            request, "quarantine.html", kitchen=now.kitchen, rows=looks, following=following, later=cursor is not None
        )

    return router


def _look(row: Any, speech: Speech, now: Snapshot) -> KeptLook:
    zone = now.kitchen.timezone
    what, todo = _words(row.sequence, row.reason, speech.gettext)
    return KeptLook(
        id=f"{row.journal_id}.{row.sequence}", gateway=row.gateway,
        place="" if row.sequence == 0 else speech.number(row.sequence),
        when=f"{speech.day(row.received_ms, zone)} {speech.clock(row.received_ms, zone, seconds=True)}",
        what=what, todo=todo, reason=row.reason, size=len(row.raw),
        beginning=row.raw[:SHOWN_BYTES].decode("utf-8", "backslashreplace") if _is_text(row.raw[:SHOWN_BYTES])
        else row.raw[:SHOWN_BYTES // 2].hex(" "),
    )  # fmt: skip


def _is_text(raw: bytes) -> bool:
    return all(byte >= 0x20 or byte in b"\t\n\r" for byte in raw)


def _words(sequence: int, reason: str, _: Callable[[str], str]) -> tuple[str, str]:
    """What happened and what to do, by the kinds of reason that the projector gives."""
    if sequence == 0:
        return (
            _("Kiriman tidak dapat dibaca sama sekali"),
            _("Alat pengirim mengirim ulang dalam bagian kecil. Bila terus terjadi, periksa alat itu."),
        )
    if reason == SET_ASIDE:
        return (
            _("Disisihkan karena kesalahan program"),
            _("Perbarui Pawon, lalu jalankan replay-quarantine."),
        )
    if "is not configured for" in reason:
        return (
            _("Sensor belum terdaftar"),
            _("Daftarkan sensor di server.toml, lalu jalankan replay-quarantine sebelum server dinyalakan."),
        )
    if ", configured as " in reason:
        return (
            _("Sensor mengirim besaran lain dari yang terdaftar"),
            _("Samakan besaran sensor di server.toml dan di alat, lalu jalankan replay-quarantine."),
        )
    return (
        _("Isi baris tidak masuk akal atau tidak terbaca"),
        _("Baris tetap tersimpan di sini. Periksa sensor dan versi alat pengirim."),
    )
