"""Stand-ins for what a scratch machine lacks. Each says what it does in place of the real one."""
