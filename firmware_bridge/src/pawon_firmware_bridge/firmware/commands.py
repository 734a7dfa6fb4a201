"""Bytes from the host -> commands: each is answered with its own sequence and a status, at once or when it is done."""

import struct

import frame

SHORTEST_INTERVAL_MS = 50


class Commands:
    """Collects frames from the host; `board` does what they ask."""

    def __init__(self, board):
        self._board = board
        self._buffer = bytearray()

    def feed(self, data):
        """(sequence, status) of each command in `data` that is done; what is no command is dropped, its sender asks
        again."""
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
                status = self._do(decoded[1], decoded[2][0], decoded[2][1:])
                if status is not None:
                    answers.append((decoded[1], status))
        return answers

    def _do(self, sequence, number, arguments):
        """A status, or None if the board answers when it is done."""
        if number == frame.IDENTIFY:
            self._board.identify()
            return frame.STATUS_OK
        if number in (frame.BUZZER, frame.LIGHT):
            if len(arguments) != 5:
                return frame.STATUS_REFUSED
            return self._board.switch_on(number, *struct.unpack("<HHB", arguments))
        if number == frame.INTERVAL:
            interval_ms = struct.unpack("<H", arguments)[0] if len(arguments) == 2 else 0
            if interval_ms < SHORTEST_INTERVAL_MS:
                return frame.STATUS_REFUSED
            self._board.set_interval(interval_ms)
            return frame.STATUS_OK
        if number == frame.SELF_TEST:
            return self._board.begin_self_test(sequence)
        if number == frame.TARE:
            return self._board.begin_tare(sequence, arguments[0]) if len(arguments) == 1 else frame.STATUS_REFUSED
        return frame.STATUS_UNKNOWN
