"""Settings of servers that tests and measurements may flood; what the limits do has tests of its own."""

UNLIMITED = {"VAULT_ACCOUNT_LIMITS": "requests_per_second=1000000"}
