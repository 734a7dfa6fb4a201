"""From the spool to the server: ``window`` decides what to send (pure), ``publisher`` does it over MQTT."""
