"""Who may enter, and under which name: tokens, the keys that verify them, and names of users."""
