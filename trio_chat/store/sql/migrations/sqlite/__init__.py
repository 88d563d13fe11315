"""The migrations of an SQLite database."""
