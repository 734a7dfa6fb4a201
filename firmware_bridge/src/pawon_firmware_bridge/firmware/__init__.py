"""The boards' MicroPython firmware; `frame.py` is also the host's only implementation of the wire."""
