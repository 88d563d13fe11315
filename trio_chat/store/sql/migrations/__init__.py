"""The migrations: each file changes the tables from one revision to the next. Alembic runs them.

A released migration never changes. A new one comes with a database of the last release that has
the former tables: see tests/store/sql/released.
"""
