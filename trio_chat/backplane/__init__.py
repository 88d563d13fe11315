"""The backplane carries messages between the nodes of one chat."""
