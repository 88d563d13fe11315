"""TLS: the certificate, and the stream that hides it from everybody else."""
