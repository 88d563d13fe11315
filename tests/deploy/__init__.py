"""The files of docs/deploy work as they are."""
