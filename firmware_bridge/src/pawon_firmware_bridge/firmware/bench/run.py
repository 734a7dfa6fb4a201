"""Starts the firmware on a desk: `micropython run.py CHIPS.json`, frames on standard output, commands on standard input.

This folder comes first on the path, so `pins` is the bench's; everything else is the firmware as it is on a board.
"""

import sys

import chips

if __name__ == "__main__":
    here = sys.argv[0].rsplit("/", 1)[0]
    sys.path.append(here + "/..")
    chips.use(sys.argv[1])
    import main

    try:
        main.run()
    except OSError:
        pass  # a pty whose other side was closed; a board's USB port never raises
