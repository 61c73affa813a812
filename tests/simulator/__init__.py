"""The simulated providers, by themselves."""
