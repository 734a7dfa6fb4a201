"""From the spool to a server: ``window`` and ``fork`` decide what to send, ``role`` what the server's word does (all
without a network), ``publisher`` does it, ``connection`` is the line to the broker."""
