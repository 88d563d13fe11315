"""Tests of trio_chat.backplane."""
