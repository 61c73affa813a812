"""What the rooms agree on: protocols, with the contract of each in its docstring."""
