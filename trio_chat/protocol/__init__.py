"""The wire protocol, without IO: no trio, no sockets, no clock."""
