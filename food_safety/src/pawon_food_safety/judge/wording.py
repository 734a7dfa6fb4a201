"""What the judge says to people, in Indonesian and English: heading, events, what is not said, and what is wrong.

Words only, from values; never that food is safe: a file cannot know that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import tzinfo
from typing import Literal

import msgspec

from .. import rows
from ..profile import Profile
from .csv_log import LONGEST_LINE_BYTES, DoubtedBecause, LeftOutBecause, Unusable, write_time
from .event import JudgedEvent
from .run import NO_DATA, POWER_OFF

Language = Literal["id", "en"]

UNUSABLE: dict[Unusable, tuple[str, str]] = {
    "empty": ("berkas kosong; ekspor ulang dari pencatat suhu", "the file is empty; export it from the logger again"),
    "header": (
        "baris judul harus memuat kolom time dan temperature_c, dipisah koma atau titik koma; ganti nama kolomnya",
        "the header must name the columns time and temperature_c, with comma or semicolon between; rename the columns",
    ),
    "columns-twice": ("satu kolom disebut dua kali; hapus salah satu", "a column is named twice; remove one"),
    "utf-16": ("berkas UTF-16; simpan ulang sebagai CSV UTF-8", "the file is UTF-16; save it as CSV UTF-8"),
    "mixed-offsets": (
        "sebagian waktu memakai zona (+07:00), sebagian tidak; samakan semuanya",
        "some times have an offset (+07:00), others none; write all of them alike",
    ),
    "no-rows": (
        "tidak ada satu pun baris suhu yang bisa dipakai; lihat format di pawon-judge --help",
        "no row with a temperature can be used; see the format in pawon-judge --help",
    ),
}
LEFT_OUT: dict[LeftOutBecause, tuple[str, str]] = {
    "too-long": (f"baris lebih dari {LONGEST_LINE_BYTES} byte", f"a line of more than {LONGEST_LINE_BYTES} bytes"),
    "columns": ("kolom kurang", "too few columns"),
    "time": ("waktu bukan ISO 8601", "the time is not ISO 8601"),
    "year": ("tahun tidak masuk akal, jam pencatat salah", "no sensible year, the logger's clock is wrong"),
    "order": ("lebih awal dari baris sebelumnya", "earlier than a row before it"),
    "doubled": ("waktunya sama dengan baris sebelumnya", "the same time as the row before it"),
    "value": ("suhu bukan angka", "the temperature is no number"),
}
DOUBTED: dict[DoubtedBecause, tuple[str, str]] = {
    "no-value": ("sensor tidak memberi angka", "the sensor gave no number"),
    "outside": ("bukan suhu, sensor atau kabel rusak", "no temperature: sensor or cable is broken"),
    "power-on": ("85 tiba-tiba: sensor kehilangan listrik", "85 all at once: the sensor had lost its power"),
    "disconnected": ("-127: sensor terputus", "-127: the sensor is not connected"),
    "door": ("kata untuk pintu tidak dikenal, dianggap tidak diketahui", "no word for a door, taken as unknown"),
    "power": ("kata untuk listrik tidak dikenal, dianggap tidak diketahui", "no word for power, taken as unknown"),
}
_SEVERITY = {"ok": ("LULUS", "PASSED"), "warning": ("PERINGATAN", "WARNING"), "critical": ("KRITIS", "CRITICAL")}


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """How to say it: the language, and the zone in which the file's times are written."""

    language: Language
    zone: tzinfo | None = None

    def say(self, both: tuple[str, str]) -> str:
        """The one of an Indonesian and an English sentence."""
        return both[self.language == "en"]

    def number(self, value: float) -> str:
        """At most two decimals, with the language's decimal mark."""
        text = f"{value:.2f}".rstrip("0").rstrip(".")
        return text.replace(".", ",") if self.language == "id" else text

    def minutes(self, ms: int) -> str:
        return f"{self.number(ms / 60_000)} {self.say(('menit', 'min'))}"

    def time(self, at_ms: int) -> str:
        """Of the file's own clock; the offset stands in the heading, seconds only where there are some."""
        text = write_time(at_ms, self.zone)
        if self.zone is not None:
            text = text[: -len(self.offset(at_ms))]
        return text.replace("T", " ").removesuffix(":00")

    def offset(self, at_ms: int) -> str:
        """``+07:00``; only of a file that has offsets."""
        return write_time(at_ms, self.zone)[len(write_time(at_ms, None)) :]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a file as a whole. ``unused``: how many rows, by reason; ``max_gap_is_usual``: it was measured,
    not given; ``other_food``: limits that only hold for a kind of food, which a file does not name; ``no_rates``: early
    warnings that would take every opened door for a failure; ``probes``: how many the rule wants, where a file has one;
    ``defrosts_show``: rows lie close enough to know one."""

    file: str
    profile: Profile
    point: str
    is_air: bool
    has_buffer: bool
    guard_band_c: float
    judged_rows: int
    unused: Counter[LeftOutBecause | DoubtedBecause]
    first_ms: int
    last_ms: int
    measured_ms: int
    max_gap_ms: int
    max_gap_is_usual: bool
    other_food: tuple[str, ...]
    no_rates: tuple[str, ...]
    probes: int
    defrosts_show: bool


def heading(words: Words, account: Account) -> Iterator[str]:
    """What was judged, by what, and how much of it was measured."""
    say, profile = words.say, account.profile
    yield f"{say(('Berkas', 'File'))}: {account.file}"
    yield f"{say(('Profil', 'Profile'))}: {profile.id} {profile.version}, {profile.title}"
    sensor = say(("sensor di makanan atau botol (product)", "sensor in food or a bottle (product)"))
    if account.is_air:
        sensor = say(("sensor udara (air), dinilai dengan rasa makanan", "air sensor, judged by what food would feel"))
        if not account.has_buffer:
            sensor = say(("sensor udara (air), dinilai apa adanya", "air sensor, judged as it is"))
    margin = f"{say(('pita jaga', 'guard band'))} {words.number(account.guard_band_c)} C"
    yield f"{say(('Titik', 'Point'))}: {account.point}, {sensor}, {margin}"
    unused = sum(account.unused.values())
    yield (
        f"{say(('Baris dinilai', 'Rows judged'))}: {account.judged_rows}; {unused_words(words, account.unused)}"
        if (unused)
        else f"{say(('Baris dinilai', 'Rows judged'))}: {account.judged_rows}"
    )
    zone = say(("tanpa zona waktu: seperti tertulis di berkas", "without an offset: as they stand in the file"))
    span = f"{words.time(account.first_ms)} {say(('sampai', 'to'))} {words.time(account.last_ms)}"
    yield f"{say(('Waktu', 'Time'))}: {span} ({zone if words.zone is None else words.offset(account.first_ms)})"
    gap = words.number(account.max_gap_ms / 1000)
    how = say(("tiga kali jarak baris yang biasa", "three times the rows' usual distance"))
    basis = f"{say(('jeda di atas', 'gaps above'))} {gap} s" + (f", {how}" if account.max_gap_is_usual else "")
    unknown_ms = account.last_ms - account.first_ms - account.measured_ms
    yield (
        f"{say(('Terukur', 'Measured'))}: {words.minutes(account.measured_ms)}; "
        f"{say(('TIDAK DIKETAHUI', 'UNKNOWN'))}: {words.minutes(unknown_ms)} ({basis})"
    )


def event_line(words: Words, account: Account, event: JudgedEvent) -> str:
    """One event: how bad, when, how long, how far, by which rule and source, and what to do."""
    say = words.say
    until = say(("masih berlangsung di akhir berkas", "still so at the end of the file"))
    if event.end_ms is not None:
        until = f"{say(('sampai', 'to'))} {words.time(event.end_ms)}"
    parts = [f"{words.time(event.start_ms)} {until}"]
    if event.kind == "gap":
        parts.append(f"{words.minutes(event.measured_ms)} {say(('tanpa data', 'without data'))}")
    else:
        parts.append(f"{say(('terukur', 'measured'))} {words.minutes(event.measured_ms)}")
    if event.worst_c is not None:
        which = {"cooling": ("suhu akhir", "core at the end"), "cooking": ("terpanas", "hottest"),
                 "reheating": ("terpanas", "hottest")}.get(event.kind, ("terburuk", "worst"))  # fmt: skip
        parts.append(f"{say(which)} {words.number(event.worst_c)} C")
    return f"{say(_SEVERITY[event.severity])}  {', '.join(parts)}. {_rule(words, account.profile, event)}"


def closing(words: Words, account: Account, worst: str | None) -> Iterator[str]:
    """What the findings come to, and what they do not say. ``worst``: severity of the worst event that is not ok."""
    say = words.say
    if worst is None and account.measured_ms:
        yield say((
            "Tidak ditemukan pelanggaran batas dalam waktu yang terukur.",
            "No limit was broken in the time that was measured.",
        ))  # fmt: skip
    if account.last_ms - account.first_ms > account.measured_ms:
        yield say((
            "Tentang waktu yang tidak diketahui tidak bisa dikatakan apa-apa, baik ataupun buruk. Ukur makanannya.",
            "Nothing can be said of the unknown time, neither good nor bad. Measure the food itself.",
        ))  # fmt: skip
    if account.other_food:
        named = ", ".join(account.other_food)
        yield say((
            f"Tidak dinilai, karena hanya untuk jenis makanan tertentu: {named}.",
            f"Not judged, because only for kinds of food: {named}.",
        ))  # fmt: skip
    if account.no_rates:
        named = ", ".join(account.no_rates)
        yield say((
            f"Tidak dinilai, karena udara cepat berubah oleh pintu dan defrost: {named}.",
            f"Not judged, because air moves quickly with door and defrost: {named}.",
        ))  # fmt: skip
    if not account.defrosts_show:
        yield say((
            "Jarak baris terlalu jauh untuk mengenali defrost: sebagian temuan bisa jadi hanya defrost.",
            "The rows lie too far apart to know a defrost: some of the findings may be no more than that.",
        ))  # fmt: skip
    if account.probes > 1:
        yield say((
            f"Aturan meminta {account.probes} titik ukur; berkas ini hanya satu titik.",
            f"The rule wants {account.probes} places measured; this file is one of them.",
        ))  # fmt: skip
    yield say((
        "Yang TIDAK dikatakan: sensor tidak dikalibrasi oleh kami, letaknya tidak kami ketahui, dan makanan "
        "tidak kami periksa. Ini bahan pertimbangan; keputusan ada pada penanggung jawab dapur.",
        "What this does NOT say: we have not calibrated the sensor, do not know where it lay, and have not examined "
        "any food. It is advice; the person responsible for the kitchen decides.",
    ))  # fmt: skip


def unused_words(words: Words, unused: Counter[LeftOutBecause | DoubtedBecause]) -> str:
    """How many rows, or parts of them, were not used, by reason."""
    reasons: dict[LeftOutBecause | DoubtedBecause, tuple[str, str]] = LEFT_OUT | DOUBTED
    said = ", ".join(f"{count} x {words.say(reasons[because])}" for because, count in unused.most_common())
    return f"{words.say(('tidak dipakai', 'not used'))}: {said}"


def _rule(words: Words, profile: Profile, event: JudgedEvent) -> str:
    say = words.say
    if event.rule == NO_DATA:
        return say(("Tidak ada data. Periksa pencatat dan sensornya.", "No data. Check the logger and its sensor."))
    if event.rule == POWER_OFF:
        return say(("Listrik padam. Tutup rapat, periksa listrik.", "The power is off. Keep it shut, check the power."))
    row = next(row for row in profile.rows_of(event.kind) if isinstance(row, rows.Spoken) and row.id == event.rule)
    by = f"[{row.id}{_limit(words, row)}] {say(('Sumber', 'Source'))}: {row.source}"
    if event.severity == "ok":
        return f"{say(('Memenuhi aturan', 'Meets the rule'))} {by}"
    if event.kind in ("cooking", "cooling", "reheating") and event.severity == "warning":
        doubt = say(
            ("Belum terbukti memenuhi aturan, atau hampir terlambat", "Not proven to meet the rule, or near it")
        )
        return f"{doubt} {by}. {say((row.action_id, row.action_en))}"
    return (
        f"{say((row.text_id, row.text_en))} {by}. {say(('Tindakan', 'To do'))}: {say((row.action_id, row.action_en))}"
    )


def _limit(words: Words, row: rows.Spoken) -> str:
    """The limit itself, in words, of the rows that have a single one."""
    say = words.say
    if isinstance(row, rows.Limit):
        side = say(("di atas", "above")) if row.above is not None else say(("di bawah", "below"))
        return (
            f": {side} {words.number(row.value)} C {say(('selama', 'for'))} {words.minutes(round(row.delay_s * 1000))}"
        )
    if isinstance(row, rows.Rate):
        within = words.minutes(round(row.within_s * 1000))
        return f": {words.number(row.change_c)} C {say(('dalam', 'within'))} {within}"
    if isinstance(row, rows.Door):
        return f": {say(('terbuka', 'open for'))} {words.minutes(round(row.open_s * 1000))}"
    return ""
