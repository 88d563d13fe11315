"""Tests of one WebSocket, over real sockets, in this process."""
