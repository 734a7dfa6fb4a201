"""Words that alerts and pages share. Written in Indonesian; pages translate them by their catalogues."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

WEEKDAYS = ("Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")


def fault_words(_: Callable[[str], str]) -> dict[str, str]:
    """What is wrong with the sensor: a word for each name in the contract's ``FAULTS``; others are shown as named."""
    return {
        "silent": _("sensor tidak menjawab"), "port_lost": _("kabel USB lepas"), "hub_lost": _("hub USB mati"),
        "unreadable": _("kecepatan atau protokol salah"), "bad_frames": _("sinyal sensor rusak"),
        "half_frame": _("alat berhenti di tengah kalimat"), "babble": _("alat mengirim terlalu banyak"),
        "refused": _("alat menolak pertanyaan"), "disconnected": _("kabel sensor lepas"),
        "open": _("kabel sensor putus"), "short_ground": _("kabel sensor korslet"),
        "short_supply": _("kabel sensor korslet"), "power_on": _("sensor mulai ulang (85 °C)"),
        "low_power": _("daya sensor kurang"), "crc": _("sinyal sensor rusak"), "zeros": _("sensor kehilangan daya"),
        "overload": _("beban berlebih"), "underload": _("di bawah nol"), "no_zero": _("timbangan belum dinolkan"),
        "battery": _("baterai lemah"), "unavailable": _("sensor nirkabel hilang"),
        "nonsense": _("angka tidak masuk akal"), "frozen": _("angka tidak bergerak"),
        "swapped": _("alat tertukar"), "old": _("data lama"),
    }  # fmt: skip


def verdict_words(_: Callable[[str], str]) -> dict[str, tuple[str, str]]:
    """What came of checking a thermometer, and what to do; ``off`` is its error."""
    return {
        "ok": (_("Baik"), _("Selisih {off}. Termometer boleh dipakai, tidak ada yang diubah.")),
        "adjust": (
            _("Dikoreksi"),
            _("Selisih {off}. Nilai sensor mulai sekarang dikoreksi. Pada termometer tangan, hitung selisihnya."),
        ),
        "reject": (_("Ditolak"), _("Selisih {off}. Jangan dipakai. Ganti termometer ini, lalu periksa penggantinya.")),
    }  # fmt: skip


def number(value: float) -> str:
    """A temperature as Indonesians write it: one decimal, comma."""
    return f"{value:.1f}".replace(".", ",").removesuffix(",0")


def mass(value_g: float) -> str:
    """A mass as Indonesians write it: ``20 g``, ``5,02 kg``."""
    scaled, unit, decimals = (value_g / 1000, "kg", 3) if abs(value_g) >= 1000 else (value_g, "g", 1)
    figure = round(scaled, decimals) + 0.0  # never a minus before nought
    return f"{figure:.{decimals}f}".rstrip("0").rstrip(".").replace(".", ",") + f" {unit}"


def amount_words(amount: int, unit: str) -> str:
    """An amount of the book as alerts write it: 12,5 kg."""
    big = {"g": "kg", "ml": "L"}.get(unit)
    return f"{amount} {'buah' if unit == 'piece' else unit}" if big is None else f"{number(amount / 1000)} {big}"


def day_words(day: date) -> str:
    """A day as alerts write it: Rab 15 Okt."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


def point_words(_: Callable[[str], str]) -> dict[str, str]:
    """Control points as people call them; ``*`` is what holds at all of them."""
    return {
        "receiving-chilled": _("Penerimaan dingin"), "receiving-frozen": _("Penerimaan beku"),
        "receiving-hot": _("Penerimaan panas"), "chiller": _("Chiller"), "freezer": _("Freezer"),
        "retained-sample": _("Bank sampel"), "thawing": _("Pencairan"), "thawing-water": _("Air pencairan"),
        "cooking": _("Pemasakan"), "cooling": _("Pendinginan"), "reheating": _("Pemanasan ulang"),
        "hot-hold": _("Penyimpanan panas"), "dispatch": _("Pengiriman"), "dispatch-cold": _("Pengiriman dingin"),
        "serving": _("Batas waktu konsumsi"), "warewashing": _("Pencucian alat"),
        "warewashing-surface": _("Permukaan alat setelah dicuci"), "warewashing-manual": _("Pencucian alat manual"),
        "sanitizer": _("Larutan sanitasi"), "dry-store": _("Gudang kering"), "*": _("Semua titik"),
    }  # fmt: skip


def point_name(_: Callable[[str], str], point: str) -> str:
    """What people call a control point; one of a kitchen's own profile by its id."""
    return point_words(_).get(point) or point.replace("-", " ").capitalize()


def look_words(_: Callable[[str], str]) -> dict[str, tuple[str, str]]:
    """What came of a measurement by hand, and what to do where no rule of the profile says it."""
    return {
        "good": (_("Baik"), _("Di dalam batas. Tidak ada yang perlu dilakukan.")),
        "warning": (_("Peringatan"), _("Periksa, lalu ukur lagi.")),
        "critical": (_("Kritis"), _("Jangan disajikan. Tanya kepala dapur.")),
        "unjudged": (_("Tidak dinilai"), _("Profil tidak punya batas di titik ini. Tanya ahli gizi.")),
    }  # fmt: skip


def quantity_words(_: Callable[[str], str]) -> dict[str, str]:
    """What is measured by hand."""
    return {
        "temperature_c": _("suhu"), "humidity_percent": _("kelembapan"), "chlorine_ppm": _("kadar klorin"),
        "contact_s": _("lama rendam"),
    }  # fmt: skip


def zero_words(_: Callable[[str], str]) -> dict[str, str]:
    """How an empty scale returned to zero."""
    return {"good": _("Nol baik"), "off": _("Tidak nol"), "unknown": _("Nol belum terlihat")}


def scale_check_words(_: Callable[[str], str]) -> dict[str, str]:
    """How a scale stands to its check weight."""
    return {
        "good": _("Uji baik"), "failed": _("Gagal uji"), "overdue": _("Uji terlambat"),
        "never": _("Belum pernah diuji"), "unjudged": _("Uji tidak dapat dinilai"),
    }  # fmt: skip


def tera_words(_: Callable[[str], str]) -> dict[str, str]:
    """How a scale's legal verification stands."""
    return {"valid": _("Tera berlaku"), "expired": _("Tera habis"), "missing": _("Tera tidak tercatat")}


def trade_word(_: Callable[[str], str]) -> str:
    """What stands beside the weights of a scale that goods must not be handed over by."""
    return _("Bukan untuk transaksi")


def scale_need_words(_: Callable[[str], str]) -> dict[str, str]:
    """What to do about a scale: one sentence for each ``scale_state.Need``."""
    return {
        "failed": _("Bersihkan, nolkan, uji lagi. Masih salah: jangan dipakai, panggil petugas tera."),
        "zero_off": _("Kosongkan dan bersihkan timbangan, lalu tekan nol."),
        "tera_missing": _("Catat tanda tera yang berlaku, atau panggil petugas tera."),
        "tera_expired": _("Panggil petugas tera untuk tera ulang."),
        "check_never": _("Uji dengan anak timbangan sekarang."),
        "check_overdue": _("Uji lagi dengan anak timbangan."),
        "check_unjudged": _("Isi division_g dan accuracy_class timbangan ini di server.toml, lalu uji lagi."),
        "zero_unknown": _("Kosongkan timbangan sebentar sampai angkanya diam."),
        "zero_soon": _("Tekan nol saat timbangan kosong dan bersih."),
        "tera_soon": _("Tera segera habis: buat janji tera ulang."),
    }  # fmt: skip
