"""One tare of one load cell: the average of its next conversions, refused if the load does not lie still."""

import frame
from hx711 import HIGHEST, LOWEST

CONVERSIONS = 16  # 1.6 s at 10 Hz: longer than a kitchen floor's vibration, and the chip's noise falls to a quarter
MAX_SPREAD_COUNTS = 400  # five times the HX711's own noise from peak to peak; 20 g on a usual 200 kg platform


class Tare:
    """Hears `cell` until `status` is known; `counts` is the new zero if it is STATUS_OK."""

    def __init__(self, sequence, cell):
        self.sequence = sequence
        self.channel = cell.channel
        self.status = None
        self.counts = None
        self._cell = cell
        self._heard = []
        cell.listener = self._hear

    def _hear(self, counts):
        if counts in (None, HIGHEST, LOWEST):
            self._end(frame.STATUS_FAILED)
            return
        self._heard.append(counts)
        if max(self._heard) - min(self._heard) > MAX_SPREAD_COUNTS:
            self._end(frame.STATUS_NOT_STEADY)
        elif len(self._heard) == CONVERSIONS:
            self.counts = round(sum(self._heard) / CONVERSIONS)
            self._end(frame.STATUS_OK)

    def _end(self, status):
        self._cell.listener = None
        self.status = status
