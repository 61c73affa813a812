"""Sign-in of people at OpenID Connect providers: connections, roles, members."""
