"""The consent policy, the rule book, objections and notices."""
