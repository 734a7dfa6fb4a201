"""The self-test: every part tries its chips anew, in the ordinary course of the loop, and says what it found."""

import gc
import struct

import frame


class SelfTest:
    """`parts` have begin_test(now_ms) and test_results(now_ms), and come to an end by themselves."""

    def __init__(self, sequence, parts, now_ms):
        self.sequence = sequence
        self._parts = parts
        for part in parts:
            part.begin_test(now_ms)

    def body(self, now_ms, overruns):
        """The body of the frame that tells it, or None while a part has not finished."""
        results = [part.test_results(now_ms) for part in self._parts]
        if None in results:
            return None
        gc.collect()
        head = struct.pack("<HIIH", self.sequence, gc.mem_free(), now_ms & 0xFFFFFFFF, min(overruns, 0xFFFF))
        return head + b"".join(bytes(pair) for part in results for pair in part)
