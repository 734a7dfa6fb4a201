"""The record as a whole: proven (``verify``), derived again (``rebuild``), copied and put back (``backup``)."""
