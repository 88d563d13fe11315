"""The store in an SQLite file or a PostgreSQL database.

Read `opened` (opens a store), `store` (its methods and threads), `batch` (decides one commit),
`sqlite_batch` or `postgres_batch` (look up and write), `pages` (reads), and the schemas.
"""
