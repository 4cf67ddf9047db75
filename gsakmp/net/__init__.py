"""Sockets, timers and daemons around the engines."""
