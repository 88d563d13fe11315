"""The client: its dialogue against a model of the server, its connections against a fake one."""
