"""Stand-ins for programs that a scratch machine lacks. Each describes how it differs."""
