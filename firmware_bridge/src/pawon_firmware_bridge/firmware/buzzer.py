"""The board's buzzer: told once, it sounds its repeats and stops by itself, without anybody waiting for it."""


class Buzzer:
    """`switch` is called with 1 and 0."""

    def __init__(self, switch):
        self._switch = switch
        self._on_ms = self._off_ms = self._left = 0
        self._sounding = False
        self._until_ms = 0
        switch(0)

    def sound(self, now_ms, on_ms, off_ms, repeats):
        """Begin; 0 repeats or 0 ms is silence."""
        self._on_ms, self._off_ms = on_ms, off_ms
        self._left = repeats if on_ms else 0
        self._sounding = False
        self._until_ms = now_ms
        self._switch(0)

    def step(self, now_ms):
        """Switch when it is time."""
        if now_ms < self._until_ms or not (self._sounding or self._left):
            return
        self._sounding = not self._sounding
        if self._sounding:
            self._left -= 1
        self._switch(1 if self._sounding else 0)
        self._until_ms = now_ms + (self._on_ms if self._sounding else self._off_ms)
