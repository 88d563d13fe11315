"""The steps for SQLite, oldest first."""
