"""Several nodes on one store: the envelopes between them, and the state of the other nodes."""
