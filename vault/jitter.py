"""Chance that spreads retries and looks over time, and hides nothing."""

import random

#: A generator of its own: what is drawn here disturbs nobody who seeded the one that all of Python shares.
RANDOM = random.Random()  # noqa: S311 - it keeps no secret
