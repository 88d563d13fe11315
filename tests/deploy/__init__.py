"""What docs/deploy gives to operators, run and held to what it says."""
