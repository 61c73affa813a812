"""The kinds of messages, a folder for each, whose module ``kind`` has it; none knows another."""
