"""From ports to ``Sample``s. One thread a port: a hung one never delays another. No rule, no file, no network here."""
