"""Kills, lost nodes and floods: they take long, and sessions of their own run them."""
