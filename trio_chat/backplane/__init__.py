"""The backplane: how the nodes of one chat hear of each other."""
