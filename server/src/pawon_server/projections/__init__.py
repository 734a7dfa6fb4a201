"""Journal entries become tables. Everything here can be derived again from the journal alone, and sends nothing."""
