"""How many items a list has where its caller names no number."""

from typing import Final

#: A list that had no pages before has all its items on the first one for nearly everyone.
PAGE: Final = 200
