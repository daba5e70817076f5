"""Where accounts are kept, in SQLite or PostgreSQL: tables, keys, limits, ledger."""
