"""The torture test: every acknowledged message is stored once and in order, despite all crashes.

Clients send messages with a ``ref`` over connections that the trial cuts at random. The trial also
kills the server at random. Clients reconnect, resume, and resend unacknowledged messages. At the
end the trial compares the events of each client with the database, without any code of the server.

``python -m tests.stress.torture --help`` is for longer runs; CI runs `test_torture`.
"""
