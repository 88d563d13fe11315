"""How fast is it, beside others? Run with ``python -m tests.bench`` (or ``nox -s bench``).

Each server is a process of its own; one load generator, in this process, serves them all and counts
without parsing. The way to read it: `frames` (what a client sends) > `load` (the generator) >
`process` and `servers` (who is measured) > `measures` (what is measured) > `bars`, `table` and
`picture` (what is told) > `__main__`. The peers are in `peers/`.

What limits it: generator and server share the machine. On two cores a server that uses both, like
the one in Go, and the generator take time from each other, so CPU per delivery says more about a
server than deliveries per second do. Latency includes the generator's own turn: a copy that waits
in its socket until the generator reads it counts as not yet delivered. It is the same generator for
all, so differences are the servers'.
"""
