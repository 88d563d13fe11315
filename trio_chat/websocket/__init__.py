"""One WebSocket: from the upgrade to the close. Only this package imports ``trio_websocket``."""
