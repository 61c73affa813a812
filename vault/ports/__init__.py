"""Interfaces between the components: protocols, with the contract of each in its docstring."""
