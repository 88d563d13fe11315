"""Load that must not matter: whole servers, and clients by the hundred and the thousand.

What needs a quiet machine or minutes is marked ``load`` and runs with ``nox -s load`` only.
"""
