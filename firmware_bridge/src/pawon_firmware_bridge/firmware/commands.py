"""Bytes from the host -> commands, done at once: each is answered with its own sequence and a status."""

import struct

import frame

SHORTEST_INTERVAL_MS = 50


class Commands:
    """Collects frames from the host; `board` has identify(), sound(on_ms, off_ms, repeats) and set_interval(ms)."""

    def __init__(self, board):
        self._board = board
        self._buffer = bytearray()

    def feed(self, data):
        """(sequence, status) of each command in `data`; what is no command is dropped, its sender asks again."""
        answers = []
        for byte in data:
            if byte:
                # One byte beyond the longest frame marks it as too long; more are not kept.
                if len(self._buffer) <= frame.MAX_ENCODED:
                    self._buffer.append(byte)
                continue
            decoded = frame.decode(bytes(self._buffer)) if 0 < len(self._buffer) <= frame.MAX_ENCODED else None
            self._buffer = bytearray()
            if decoded and decoded[0] == frame.COMMAND and decoded[2]:
                answers.append((decoded[1], self._do(decoded[2][0], decoded[2][1:])))
        return answers

    def _do(self, number, arguments):
        if number == frame.IDENTIFY:
            self._board.identify()
            return frame.STATUS_OK
        if number == frame.BUZZER:
            if len(arguments) != 5:
                return frame.STATUS_REFUSED
            on_ms, off_ms, repeats = struct.unpack("<HHB", arguments)
            self._board.sound(on_ms, off_ms, repeats)
            return frame.STATUS_OK
        if number == frame.INTERVAL:
            interval_ms = struct.unpack("<H", arguments)[0] if len(arguments) == 2 else 0
            if interval_ms < SHORTEST_INTERVAL_MS:
                return frame.STATUS_REFUSED
            self._board.set_interval(interval_ms)
            return frame.STATUS_OK
        return frame.STATUS_UNKNOWN
