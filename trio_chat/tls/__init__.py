"""TLS: the certificate, and the encrypted transport."""
