"""The daemons' shells: configuration, sockets, control, logs, metrics, recordings."""
