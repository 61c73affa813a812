"""Sign-in with OpenID Connect: what a provider says, checked; without I/O and without a clock."""
