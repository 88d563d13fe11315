"""Tests of trio_chat.http."""
