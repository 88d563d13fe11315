"""What tests of several packages share: servers as processes, clients, and foreign services."""
