"""One suite for each contract, run against everything that satisfies it."""
