"""Access to the chat: tokens, the keys that verify them, and the rules for names of users."""
