"""Three nodes behind nginx are one chat, whatever of it dies and comes back.

Sixty clients of `tests.stress.torture` talk through nginx, while by a seeded schedule
nodes, Redis, PostgreSQL, nginx and the lines between them are killed, stopped, paused and cut. At
the end what each client has seen is compared with the database, and the nodes with each other.

``python -m tests.stress.cluster --help`` is for longer runs; ``nox -s cluster`` is what CI does.
"""
