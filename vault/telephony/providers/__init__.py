"""The providers, one package each."""
