"""Any input at all: what comes out is still one of the few things that may."""
