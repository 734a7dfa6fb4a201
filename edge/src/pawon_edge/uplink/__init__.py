"""From the spool to a server: ``window`` and ``fork`` decide what to send, ``role`` what the server's word does (none of
them sees a network), ``publisher`` does it, ``connection`` is the line to the broker."""
