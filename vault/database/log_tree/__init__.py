"""The Merkle tree of the access log as rows, and how events come into it."""
