"""The Merkle tree of the access log as rows, and the sequencers that append events to it."""
