"""The transparency log: Merkle tree, signed checkpoints and proofs. Pure; FORMAT.md beside it gives every byte."""
