"""The worker process: polls for due work and runs the service for it."""
