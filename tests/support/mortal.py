"""A process that dies before or after any call of the object store or the database."""

from typing import Any


class Killed(BaseException):
    """The process is gone."""


class Life:
    """How many steps are left."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.dead = False

    def step(self) -> None:
        """Die, or have one step less."""
        self.left -= 1
        self.dead |= self.left < 0
        if self.dead:
            raise Killed


class Mortal:
    """Counts the calls of what it stands for, also of writers, and dies at one: no later call does anything."""

    def __init__(self, inner: Any, life: Life) -> None:
        self._inner, self._life = inner, life

    def __getattr__(self, name: str) -> Any:
        """Return what counts."""
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        async def call(*args: Any, **named: Any) -> Any:
            self._life.step()
            result = await found(*args, **named)
            self._life.step()
            return Mortal(result, self._life) if name == "create" else result

        return call
