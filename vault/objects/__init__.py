"""Object stores for sealed objects: a directory, or S3."""
