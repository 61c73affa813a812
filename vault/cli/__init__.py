"""The command ``callvault``: a module for each group of commands."""
