"""What is safe: limits as data (``profile``, ``profiles/*.toml``), rules as pure steps (``limit``), and advisory
predictions (``models``).

No clock, no file but the profiles, no network: the same code judges on the server and in the gateway's guard.
"""
