"""The servers trio_chat is measured beside, each written for this: minimal, and fair.

All speak the same small protocol, in one room: the first text frame is the name, and is answered to
the newcomer alone with a frame ``{"type":"presence","count":…}``; each further text frame,
``{"type":"message","message":…}``, goes to all clients as one frame with ``id``, ``type``,
``username``, ``message`` and ``time``. Each listens on a free port of 127.0.0.1 and prints its URL.
"""
