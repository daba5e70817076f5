"""Accounts: keys with limits, what requests may use before they run, and the ledger of what they have used."""

FILE = "accounts.db"
"""The SQLite file, in the data directory."""
