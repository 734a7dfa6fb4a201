"""Door contacts to ground with a pull-up: open or closed, once a contact has come to rest."""

import frame

DEBOUNCE_MS = 50  # a reed contact bounces for a few milliseconds, a slammed door's magnet for some tens
BOUNCING_MS = 1000  # a contact that has not come to rest by then never will: a self-test says so


class Switch:
    """One contact as channel `channel`; `normally` is its state ("closed", "open") while the door is closed."""

    def __init__(self, channel, pin, normally, now_ms):
        self._channel = channel
        self._pin = pin
        self._closed_level = {"closed": 0, "open": 1}[normally]
        self._state = None
        self._seen = self._look()
        self._since_ms = now_ms
        self._test_ms = now_ms

    def step(self, now_ms):
        """True when the state has just changed, or is known for the first time."""
        seen = self._look()
        if seen != self._seen:
            self._seen, self._since_ms = seen, now_ms
        if seen == self._state or now_ms - self._since_ms < DEBOUNCE_MS:
            return False
        self._state = seen
        return True

    def record(self):
        """The state as a record (bytes), or None before it is known."""
        return None if self._state is None else bytes([self._channel, frame.KIND_SWITCH, 1, self._state])

    def begin_test(self, now_ms):
        self._test_ms = now_ms

    def test_results(self, now_ms):
        """[(channel, fault)], or None while the contact bounces."""
        if self._seen == self._state and now_ms - self._since_ms >= DEBOUNCE_MS:
            return [(self._channel, frame.FAULT_NONE)]
        return [(self._channel, frame.FAULT_BOUNCING)] if now_ms - self._test_ms >= BOUNCING_MS else None

    def _look(self):
        return 0 if self._pin.value() == self._closed_level else 1
