"""The log in an SQLite file or a PostgreSQL database: one code path, two engines.

Read `opened` (how one comes to be), `log` (the face to the rest, threads behind it), then `batch`
(what one commit does), `pages` (what is read), and `schema` (what there is).
"""
