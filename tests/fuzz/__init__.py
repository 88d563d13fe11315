"""Random input: every result is valid, or a refusal."""
