"""The log in an SQLite file or a PostgreSQL database.

Read `opened` (how one comes to be), `store` (the face to the rest, threads behind it), then `batch`
(what one commit decides), `sqlite_batch` or `postgres_batch` (what it looks up and writes), `pages`
(what is read), and the schemas (what there is).
"""
