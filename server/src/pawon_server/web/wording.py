"""The words that templates and scripts share: states, faults, movements, and everything with a blank to fill.

Written in Indonesian, translated by the catalogues; ``script_words`` hands all of them to the scripts as data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from ..food_safety.incident import EQUIPMENT_KINDS, FOOD_KINDS, STOCK_KINDS
from ..words import fault_words
from .language import Speech, zone_label
from .view import TileState

# What a tile shows by shape and word: its state, or that a good value is judged by no limit.
Sign = TileState | Literal["measured"]
# A few rows wait between two batches at any time; more than this is a backlog being sent.
QUEUE_WORTH_TELLING = 200


def state_words(_: Callable[[str], str]) -> dict[Sign, str]:
    """The five states, and a good value that no limit judges; capitals, as they are read from far away."""
    return {
        "ok": _("AMAN"), "warning": _("PERINGATAN"), "critical": _("KRITIS"),
        "no_data": _("TIDAK ADA DATA"), "fault": _("SENSOR RUSAK"), "measured": _("TERUKUR"),
    }  # fmt: skip


def estimate_words(_: Callable[[str], str]) -> dict[str, str]:
    """How a date is told that no clock knew."""
    return {
        "between": _("perkiraan, antara {earliest} dan {latest}"), "before": _("perkiraan, sebelum {latest}"),
        "after": _("perkiraan, setelah {earliest}"),
    }  # fmt: skip


def movement_words(_: Callable[[str], str]) -> dict[str, str]:
    """What kind of change a scale saw, or a person wrote."""
    return {
        "in": _("masuk"), "out": _("keluar"), "refill": _("isi ulang"), "restart": _("berubah saat padam"),
        "first": _("stok awal"), "receive": _("kiriman diterima"), "move": _("dipindahkan"), "use": _("dipakai"),
        "discard": _("dibuang"), "hand": _("ditulis tangan"), "count": _("stok opname"),
    }  # fmt: skip


def note_words(_: Callable[[str], str]) -> dict[str, str]:
    """What a movement still needs."""
    return {"proposed": _("menunggu konfirmasi")}


def handling_words(_: Callable[[str], str]) -> dict[str, str]:
    """How far people have come with an incident."""
    return {
        "opened": _("baru"), "acknowledged": _("diterima"), "acted": _("sedang ditangani"),
        "unsigned": _("menunggu tanda tangan"), "held": _("makanan ditahan"), "settled": _("selesai ditangani"),
    }  # fmt: skip


def fate_words(_: Callable[[str], str]) -> dict[str, str]:
    """What became of the food."""
    return {"use": _("makanan dipakai"), "hold": _("makanan ditahan"), "discard": _("makanan dibuang"),
            "none": _("tidak ada makanan terkait")}  # fmt: skip


def link_words(_: Callable[[str], str]) -> dict[str, str]:
    """How the gateways do."""
    return {
        "ok": _("Alat pengirim tersambung"), "unknown": _("Alat pengirim belum memberi kabar"),
        "away": _("{away} dari {all} alat pengirim terputus"), "behind": _("Mengirim {rows} catatan tertunda"),
    }  # fmt: skip


def batch_words(_: Callable[[str], str]) -> dict[str, str]:
    """Where a batch is, what its clock shows, and what to do while no rule says it."""
    return {
        "cooking": _("SEDANG DIMASAK"), "cooked": _("MATANG"), "packed": _("DIKEMAS"), "left": _("BERANGKAT"),
        "arrived": _("TIBA"), "eaten": _("SUDAH DIMAKAN"), "discarded": _("DIBUANG"), "over": _("WAKTU HABIS"),
        "remaining": _("SISA WAKTU"), "wave": _("gelombang {wave}"), "before": _("Makan sebelum {time}"),
        "unnamed": _("Beri nama di halaman petugas."), "old": _("DATA LAMA"),
    }  # fmt: skip


def sort_words(_: Callable[[str], str]) -> dict[str, str]:
    """What an incident is about: different people do different things about it."""
    return {"food": _("Keamanan pangan"), "equipment": _("Peralatan"), "stock": _("Stok"),
            "sensor": _("Masalah sensor")}  # fmt: skip


def sort_of(kind: str) -> str:
    """Which of ``sort_words`` an incident's kind belongs to."""
    kinds = {"food": FOOD_KINDS, "equipment": EQUIPMENT_KINDS, "stock": STOCK_KINDS}
    return next((sort for sort, of_sort in kinds.items() if kind in of_sort), "sensor")


def script_words(speech: Speech, zone: str, now_ms: int, rows: Mapping[str, int]) -> dict[str, object]:
    """Every word and sign that the scripts need. ``{braces}`` are filled in by them."""
    _ = speech.gettext
    return {
        "language": speech.language, "decimal": speech.decimal, "group": speech.group, "months": speech.months,
        "zone": zone, "zone_label": zone_label(zone, now_ms), "rows": dict(rows), "queue": QUEUE_WORTH_TELLING,
        "state": state_words(_), "fault": fault_words(_), "movement": movement_words(_), "note": note_words(_),
        "link": link_words(_), "estimate": estimate_words(_), "batch": batch_words(_),
        "food_kinds": sorted(FOOD_KINDS), "equipment_kinds": sorted(EQUIPMENT_KINDS),
        "stock_kinds": sorted(STOCK_KINDS),
        "open": _("terbuka"), "closed": _("tertutup"), "power_on": _("menyala"), "power_off": _("padam"),
        "piece": _("buah"), "seconds": _("{s} detik"), "minutes": _("{m} menit"), "hours": _("{h} jam"),
        "hours_minutes": _("{h} jam {m} menit"), "days": _("{d} hari"), "days_hours": _("{d} hari {h} jam"),
        "ago": _("{span} lalu"), "just_now": _("baru saja"),
        "old": _("DATA LAMA · {ago}"), "never": _("belum ada pengukuran"), "limit": _("Batas"),
        "unstable": _("belum stabil"), "low": _("menipis"), "worst": _("terburuk {worst} (batas {limit})"),
        "since": _("sejak {time} · {span}"), "done": _("selesai"), "ongoing": _("belum selesai"),
        "ended": _("{time} · selesai setelah {span}"),
        "settled": _("Penyebab: {cause}. Yang dilakukan: {done}. Hasil: {fate}."), "fate": fate_words(_),
        **sort_words(_), "more": _("+{n} lagi: {names}"),
        "rest": _("+{n} baris lagi"),
        "incident_open": _("{n} masalah belum selesai"),
        "well": _("Semua aman"), "well_detail": _("Semua {all} titik terukur sekarang"),
        "watch": _("Perhatikan"), "watch_detail": _("Di luar batas: {names}"),
        "partly": _("{good} dari {all} titik terukur"), "missing": _("Tidak terukur: {names}"),
        "away": _("Alat pengirim terputus"), "away_detail": _("Angka terakhir masih terlihat."),
        "unbooked": _("belum dibukukan"),
        "cut": _("Keadaan sekarang tidak diketahui"), "cut_detail": _("Layar ini tidak menerima data baru."),
        "old_since": _("tidak ada hubungan dengan server sejak {time} · {span}"),
    }  # fmt: skip
