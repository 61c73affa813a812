"""The transparency log: Merkle tree, signed checkpoints and proofs. Pure; FORMAT.md specifies every byte."""
