"""One module for each system; none knows another."""
