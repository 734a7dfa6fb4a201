"""What the findings of ``receiving`` mean and what to do about them, in plain Indonesian and English.

Sentences only; the braces are a finding's figures, already written as people write them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Words(NamedTuple):
    """What it is and what to do, in both languages."""

    text_id: str
    action_id: str
    text_en: str
    action_en: str

    def said(self, language: str) -> tuple[str, str]:
        """The sentence and what to do, in one of them."""
        return (self.text_en, self.action_en) if language == "en" else (self.text_id, self.action_id)


WORDS = MappingProxyType(
    {
        "short": Words(
            "Kurang {off} ({percent} %) dari surat jalan: tertulis {noted}, ditimbang {came}.",
            "Timbang ulang. Kalau tetap kurang, potong nota atau tahan.",
            "{off} ({percent} %) less than the delivery note: it says {noted}, the scale says {came}.",
            "Weigh again. If it stays short, deduct it from the bill or hold the goods.",
        ),
        "short-noted": Words(
            "Kurang {off} ({percent} %) dari surat jalan.", "Tulis beratnya di surat jalan.",
            "{off} ({percent} %) less than the delivery note.", "Write the weight on the delivery note.",
        ),
        "over-note": Words(
            "Lebih {off} ({percent} %) dari surat jalan.", "Periksa wadah dan tara, lalu timbang ulang.",
            "{off} ({percent} %) more than the delivery note.", "Check container and tare, then weigh again.",
        ),
        "order-cancelled": Words(
            "Pesanan ini sudah dibatalkan.", "Tanya ahli gizi sebelum menerima.",
            "This order was cancelled.", "Ask the nutritionist before taking it in.",
        ),
        "order-item": Words(
            "Yang dipesan bahan lain: {item}.", "Pilih pesanan yang benar, atau tolak.",
            "Another item was ordered: {item}.", "Choose the right order, or send it back.",
        ),
        "order-supplier": Words(
            "Pesanan ini dari pemasok lain: {supplier}.", "Pastikan pesanannya benar.",
            "This order is another supplier's: {supplier}.", "Make sure it is the right order.",
        ),
        "order-short": Words(
            "Masih kurang {off} dari pesanan {ordered}.", "Tanya pemasok kapan sisanya datang.",
            "{off} of the order of {ordered} is still missing.", "Ask the supplier when the rest comes.",
        ),
        "order-over": Words(
            "Lebih {off} dari pesanan {ordered}.", "Kembalikan kelebihannya, atau tanya ahli gizi.",
            "{off} more than the order of {ordered}.", "Return what is too much, or ask the nutritionist.",
        ),
        "order-late": Words(
            "Terlambat {days} hari dari tanggal kirim.", "Catat. Hubungi pemasok bila sering.",
            "{days} days after the day it was due.", "Note it. Talk to the supplier if it happens often.",
        ),
        "supplier-unknown": Words(
            "Pemasok ini belum terdaftar.", "Minta ahli gizi mendaftarkannya.",
            "This supplier is not in the list.", "Ask the nutritionist to add it.",
        ),
        "supplier-blocked": Words(
            "Pemasok ini diblokir.", "Tolak, dan beri tahu kepala dapur.",
            "This supplier is blocked.", "Send it back, and tell the kitchen's head.",
        ),
        "supplier-item": Words(
            "Bahan ini bukan dagangan pemasok ini.", "Periksa nama pemasok dan bahan.",
            "This supplier is not listed for this item.", "Check supplier and item.",
        ),
        "halal-not-seen": Words(
            "Sertifikat halal tidak ada.", "Tolak, atau minta sertifikatnya sekarang.",
            "There is no halal certificate.", "Send it back, or ask for the certificate now.",
        ),
        "halal-over": Words(
            "Sertifikat halal pemasok habis berlaku {until}.", "Minta sertifikat baru, atau tolak.",
            "The supplier's halal certificate ended on {until}.", "Ask for the new one, or send it back.",
        ),
        "halal-unknown": Words(
            "Sertifikat halal belum pernah dilihat.", "Minta lihat sertifikatnya, atau tolak.",
            "No halal certificate has been seen.", "Ask to see the certificate, or send it back.",
        ),
        "halal-renewed": Words(
            "Sertifikat dilihat, tetapi catatan pemasok sudah habis {until}.", "Perbarui tanggalnya di Pemasok.",
            "The certificate was seen, but the one on record ended on {until}.", "Renew its date under Suppliers.",
        ),
        "gtin-other": Words(
            "Barcode ini milik bahan lain: {item}.", "Periksa isinya. Pilih bahan yang benar.",
            "This barcode belongs to another item: {item}.", "Look inside. Choose the right item.",
        ),
        "gtin-new": Words(
            "Barcode ini belum dikenal untuk bahan ini.", "Periksa isinya, lalu minta didaftarkan.",
            "This barcode is not known for this item.", "Look inside, then have it added.",
        ),
        "produced-odd": Words(
            "Tanggal produksi {day} tidak mungkin.", "Baca label sekali lagi.",
            "The day of production, {day}, cannot be.", "Read the label again.",
        ),
        "expiry-unknown": Words(
            "Tidak ada tanggal kedaluwarsa.", "Cari di label, atau tulis tanggal yang pasti.",
            "There is no expiry date.", "Look for it on the label, or write a date that is sure.",
        ),
        "expiry-derived": Words(
            "Tanpa tanggal: dihitung baik sampai {day}.", "Beri label tanggal ini.",
            "No date: reckoned as good until {day}.", "Label it with this date.",
        ),
        "expired": Words(
            "Sudah kedaluwarsa {day}.", "Tolak. Jangan disimpan.",
            "It expired on {day}.", "Send it back. Do not store it.",
        ),
        "short-life": Words(
            "Tinggal {days} hari sampai kedaluwarsa {day}.", "Pakai lebih dulu, atau minta yang lebih baru.",
            "{days} days left until it expires on {day}.", "Use it first, or ask for fresher goods.",
        ),
        "too-early": Words(
            "Dibeli {days} hari sebelum disajikan {day}; paling awal dua hari.",
            "Tolak, atau pakai untuk hari yang lebih dekat.",
            "Bought {days} days before it is served on {day}; two at the earliest.",
            "Send it back, or use it for an earlier day.",
        ),
        "serving-over": Words(
            "Hari saji {day} sudah lewat.", "Periksa tanggalnya.",
            "The serving day, {day}, is over.", "Check the date.",
        ),
        "expires-before": Words(
            "Kedaluwarsa {until}, sebelum disajikan {day}.", "Tolak, atau pakai sebelum kedaluwarsa.",
            "It expires on {until}, before it is served on {day}.", "Send it back, or use it before that.",
        ),
    }
)  # fmt: skip
