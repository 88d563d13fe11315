"""Tests of trio_chat.protocol."""
