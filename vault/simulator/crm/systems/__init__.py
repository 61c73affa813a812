"""One module for each simulated system; none knows another."""
