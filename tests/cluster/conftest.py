"""Hubs of several nodes, by a clock that stands still unless a test moves it."""

from tests.support.clocks import pytest_itemcollected  # noqa: F401
