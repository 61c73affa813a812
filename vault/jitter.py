"""Random numbers for jitter in retries and polls; not for secrets."""

import random

#: A separate generator, so that it does not disturb code that seeded Python's global one.
RANDOM = random.Random()  # noqa: S311 - not for secrets
