"""Tests of ``trio_chat.tls``."""
