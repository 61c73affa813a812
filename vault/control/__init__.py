"""The control socket, through which commands reach a running server."""
