"""The torture test: what has been acknowledged is there, once and in order, whatever is killed.

Clients of its own send, with a ``ref``, over connections that are cut at random, to a server that
is killed at random; they come back, resume, and send again what was not acknowledged. At the end
what each of them has seen is compared with the database, read without any code of the server.

``python -m tests.stress.torture --help`` is for longer runs; `test_torture` is what CI does.
"""
