"""TLS: the certificate, and the transport that hides it from everybody else."""
