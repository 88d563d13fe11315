"""Tests of trio_chat.log."""
