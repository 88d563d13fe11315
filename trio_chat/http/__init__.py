"""The HTTP side of the port: reads each head once, answers it, or hands an upgrade on."""
