"""The store: tables, how they are opened, the journal, and the questions asked of them."""
