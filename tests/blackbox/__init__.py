"""The server from outside, held to docs/reference/wire.md. Nothing of trio_chat is imported."""
