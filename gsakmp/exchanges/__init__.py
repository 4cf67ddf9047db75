"""Sans-I/O state machines, one file per exchange. No socket, clock or randomness inside."""
