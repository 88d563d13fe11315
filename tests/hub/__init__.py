"""Tests of trio_chat.hub."""
