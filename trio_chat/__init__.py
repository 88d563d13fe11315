"""A real-time chat server on Trio. Start it with ``python -m trio_chat``."""

__version__ = "0.1.0"
