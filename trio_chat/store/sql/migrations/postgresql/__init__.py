"""The steps for PostgreSQL, oldest first."""
