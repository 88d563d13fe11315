"""The wire, without IO: no trio, no sockets, no clock. Time comes in as an argument."""
