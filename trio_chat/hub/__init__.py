"""The one task that logs and fans out, and the state it alone may change."""
