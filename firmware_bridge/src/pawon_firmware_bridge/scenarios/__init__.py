"""What happens to devices: scenarios (`*.toml`) for the simulator, and the library of scale signals with their truth.

`signals.make(name, seed)` gives a signal; `classes.CLASSES` is the table of what there is. Pure: no clock, no files but
in `files`, nothing of the simulator.
"""
