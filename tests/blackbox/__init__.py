"""The server from outside: a process, sockets, PROTOCOL.md. It imports nothing of trio_chat."""
