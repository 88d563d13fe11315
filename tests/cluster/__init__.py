"""Tests of `trio_chat.cluster`."""
