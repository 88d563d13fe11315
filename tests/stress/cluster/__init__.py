"""Three nodes behind nginx stay one chat while nodes and services crash and return.

Sixty clients of `tests.stress.torture` connect through nginx. By a seeded schedule the trial kills,
stops, pauses and cuts off nodes, Redis, PostgreSQL and nginx. At the end it compares the events of
each client with the database, and the nodes with each other.

``python -m tests.stress.cluster --help`` is for longer runs; CI runs ``nox -s cluster``.
"""
