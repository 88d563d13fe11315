"""One suite for each contract, which runs against every implementation."""
