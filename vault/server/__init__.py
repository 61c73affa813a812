"""The server's processes: ASGI application, HTTP limits, worker process."""
