"""The kinds of closing acts, by subject: what each stores beside its leaf, and how it is applied after a loss."""
