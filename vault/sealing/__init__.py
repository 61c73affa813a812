"""The sealed object format: AWS Encryption SDK message v2, suite 0x0478, in 64 KiB frames."""
