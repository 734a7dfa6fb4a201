"""The stored zeros of the load cells: loaded at the start, changed by a tare alone, in flash across power cuts.

A board that starts never measures a zero: what lies on the platform may be food. A file that is missing, cut off or
altered means that there is no zero, which the host then knows because none is told.
"""

import json
import os
import struct

import frame


class Zeros:
    """Channel -> counts, kept in the file `path`."""

    def __init__(self, path):
        self._path = path
        self._counts = _load(path)

    def store(self, channel, counts):
        """Keep a new zero; OSError if the flash cannot be written, and all is as before."""
        changed = dict(self._counts)
        changed[channel] = counts
        new = self._path + ".new"
        with open(new, "w") as file:
            json.dump({"zeros": {str(key): value for key, value in changed.items()}, "crc": _check(changed)}, file)
        # The file system replaces a name in one step: a power cut leaves the old zeros or the new ones, never half.
        os.rename(new, self._path)
        self._counts = changed

    def records(self):
        """One record (bytes) for each channel that has a zero."""
        return [
            struct.pack("<BBBi", channel, frame.KIND_ZERO, 4, self._counts[channel]) for channel in sorted(self._counts)
        ]


def _check(counts):
    return frame.crc16(",".join("%d:%d" % (channel, counts[channel]) for channel in sorted(counts)).encode())


def _load(path):
    try:
        with open(path) as file:
            content = json.load(file)
        counts = {int(key): value for key, value in content["zeros"].items()}
        whole = _check(counts) == content["crc"] and all(0 <= channel < frame.MAX_CELLS for channel in counts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return counts if whole else {}
