"""Where sealed objects lie: a directory, or S3."""
