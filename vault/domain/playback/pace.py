"""How fast a player in a browser gets audio: little more than it plays, so that the log says what was heard.

A browser reads ahead as far as its memory allows, two minutes and more of a telephone call, and all of it is
recorded as sent. So it gets a few seconds at once, and after that as much as it plays at the speed that it states.
"""

from dataclasses import dataclass
from typing import Final

from vault.domain.playback.link import FIRST_WINDOW, MAX_WINDOW

#: Seconds of listening that are sent ahead of what is heard, so that a stall of the network is not heard.
AHEAD: Final = 12.0
#: Seconds of those that are sent at once, and in each second after: before they seek, browsers ask for the beginning,
#: and leave it as soon as they have its first bytes.
_FIRST, _RAMP = 2.0, 20.0
#: Seconds of listening in one grant, if that is more than the first one.
GRANTED: Final = 8.0
#: What is sent for each byte that is played: clocks differ, and where the bit rate varies some parts need more.
_STEADY, _VARIABLE = 1.02, 1.25
#: The least and the highest speed that a player may state. The highest is its highest speed while it skips silence.
SLOWEST: Final = 0.5
FASTEST: Final = 6.0
#: The speed of a player that states none: as fast as the menus of browsers go.
UNSTATED: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The rate limit for audio sent to a player."""

    #: Bytes per second that are heard.
    heard: float
    #: Bytes per second that are sent.
    rate: float
    #: The most bytes of one grant.
    window: int

    @classmethod
    def of(cls, *, size: int, duration: float, is_steady: bool, speed: float) -> "Pace":
        """Return the pace for audio of ``size`` bytes and ``duration`` seconds that is played at ``speed``.

        ``speed``: from SLOWEST to FASTEST, which the route sees to.
        ``is_steady``: whether all its seconds have as many bytes.
        """
        heard = size / duration * speed
        frames = round(heard * GRANTED / FIRST_WINDOW)
        return cls(
            heard=heard,
            rate=heard * (_STEADY if is_steady else _VARIABLE),
            window=min(max(1, frames) * FIRST_WINDOW, MAX_WINDOW),
        )

    def pause(self, sent: int, elapsed: float) -> float:
        """Return the seconds to wait before the next byte, after ``sent`` bytes in ``elapsed`` seconds."""
        steady = (sent - self.heard * AHEAD) / self.rate
        begun = (sent - self.heard * _FIRST) / (self.heard * _RAMP)
        return max(0.0, steady - elapsed, begun - elapsed)
