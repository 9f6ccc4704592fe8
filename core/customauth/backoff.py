"""How long to wait before the next attempt: exponential backoff with full jitter."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import field, frozen

from customauth.errors import EndpointError

# Beyond this the cap has long been reached, and a float would overflow.
_MAX_DOUBLINGS = 64


@frozen(kw_only=True)
class Backoff:
    """Exponential backoff with full jitter: a random delay of at most ``base * 2**n`` seconds, and of ``cap``.

    :param base: seconds, the longest first delay.
    :param cap: seconds, the longest delay of all.
    :param steady: seconds after which a connection has proven itself, and its loss is not one more failure.
    :param spacing: seconds between two attempts at least; AWS takes one CONNECT a second for a client id (E9).
    :param uniform: returns a random number between the two that it is given.
    :raises EndpointError: when a number is out of range.
    """

    base: float = 1.0
    cap: float = 60.0
    steady: float = 10.0
    spacing: float = 1.0
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False)

    def __attrs_post_init__(self) -> None:
        numbers = (self.base, self.cap, self.steady, self.spacing)
        if not all(0 <= number < float("inf") for number in numbers) or self.base > self.cap:
            raise EndpointError("a backoff needs seconds of 0 or more, and a base that is not above the cap")

    def delay(self, failures: int, since_answer: float = float("inf")) -> float:
        """Return the seconds to wait.

        :param failures: how many attempts have failed in a row before this last one.
        :param since_answer: seconds since the server answered that one, or was given up.
        """
        longest = min(self.cap, self.base * 2.0 ** min(failures, _MAX_DOUBLINGS))
        return max(self.uniform(0.0, longest), self.spacing - since_answer)
