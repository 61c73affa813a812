"""The benchmark: what the vault costs, as ratios to what the same machine does without it."""
