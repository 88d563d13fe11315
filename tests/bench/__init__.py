"""Measures trio_chat beside other servers: ``python -m tests.bench`` (or ``nox -s bench``).

Each server is a process of its own; one load generator, in this process, serves them all and counts
without parsing. The way to read it: `frames` (what a client sends) > `load` (the generator) >
`process` and `servers` (the servers) > `measures` > `table` and `picture` (the report) >
`__main__`. The peers are in `peers/`.

Limits: generator and server share the machine. On two cores a server that uses both, such as the
one in Go, competes with the generator, so CPU per delivery is a better measure of a server than
deliveries per second. Latency includes the time until the generator reads a copy from its socket.
The generator is the same for all, so differences come from the servers.
"""
