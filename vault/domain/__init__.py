"""The nouns of the vault and the decisions about them: pure, without I/O, clock or async."""
