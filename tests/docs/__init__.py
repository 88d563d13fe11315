"""The documentation holds what it says: its examples run as they stand, its tables fit the code."""
