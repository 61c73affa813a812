"""Events: what happened in an account, by ids and codes alone, to each endpoint that wants to know."""
