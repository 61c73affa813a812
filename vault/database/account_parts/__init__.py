"""The parts of an account's object, a module for each setting: its rows, its JSON, its restore, its name in fsck."""
