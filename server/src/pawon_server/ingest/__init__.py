"""From the broker to the journal: ``subscriber`` hears, ``batches`` judges (pure), ``writer`` commits and answers."""
