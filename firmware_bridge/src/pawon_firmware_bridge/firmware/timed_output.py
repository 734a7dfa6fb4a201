"""The board's buzzer or light: told once, it does its repeats and stops by itself, without anybody waiting for it."""

import frame

TEST_MS = 200  # long enough to be heard and seen


class TimedOutput:
    """`switch` is called with 1 and 0."""

    def __init__(self, channel, switch):
        self._channel = channel
        self._switch = switch
        self._on_ms = self._off_ms = self._left = 0
        self._on = False
        self._until_ms = 0
        switch(0)

    def begin(self, now_ms, on_ms, off_ms, repeats):
        """Begin anew; 0 repeats or 0 ms is off."""
        self._on_ms, self._off_ms = on_ms, off_ms
        self._left = repeats if on_ms else 0
        self._on = False
        self._until_ms = now_ms
        self._switch(0)

    def step(self, now_ms):
        """Switch when it is time."""
        if now_ms < self._until_ms or not (self._on or self._left):
            return
        self._on = not self._on
        if self._on:
            self._left -= 1
        self._switch(1 if self._on else 0)
        self._until_ms = now_ms + (self._on_ms if self._on else self._off_ms)

    def begin_test(self, now_ms):
        """One short time on, for a person to notice; an alarm that goes on is not cut short by it."""
        if not (self._on or self._left):
            self.begin(now_ms, TEST_MS, 0, 1)

    def test_results(self, now_ms):
        return [(self._channel, frame.FAULT_NONE)]
