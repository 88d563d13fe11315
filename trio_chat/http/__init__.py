"""The HTTP side of the port: parses each head once, and answers it or passes an upgrade on."""
