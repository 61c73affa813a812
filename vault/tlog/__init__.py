"""The transparency log: Merkle tree, signed checkpoints and proofs. Its place is kept for them."""
