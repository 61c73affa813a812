"""The vault's entities and the decisions about them: pure, without I/O, clock or async."""
