"""Tests of trio_chat.store."""
