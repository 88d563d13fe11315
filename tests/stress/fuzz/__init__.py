"""Fuzzing guided by coverage (atheris), and the same targets with random inputs."""
