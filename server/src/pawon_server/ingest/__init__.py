"""From the broker to the journal: ``subscriber`` hears, ``writer`` commits in groups and answers, ``acceptance`` makes
each message an entry, ``batches`` judges it (pure)."""
