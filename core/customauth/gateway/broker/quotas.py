"""AWS IoT Core's rates, for those who want to see what comes of exceeding them (E9, E28, E38, E41); pure."""

from __future__ import annotations

from collections.abc import Callable

CONNECTS_PER_SECOND = 1.0
"""CONNECT packets of one client id (E9)."""

PUBLISHES_PER_SECOND = 100.0
"""Publishes of one connection, in and out together (E28)."""

RETAINED_PER_SECOND = 1.0
"""Retained publishes to one topic (E41)."""

REPLAYED_PER_SECOND = 10.0
"""Messages that waited for a client, once it is back (E38)."""

# Above this many keys, those whose buckets are full again are forgotten.
_SWEEP_ABOVE = 10_000


class Bucket:
    """A token bucket, full at first; it holds what comes in one second, and one token at least.

    :param rate: tokens a second.
    :param clock: seconds, from any beginning.
    """

    __slots__ = ("_clock", "_rate", "_size", "_then", "_tokens")

    def __init__(self, rate: float, *, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._size = max(rate, 1.0)
        self._clock = clock
        self._tokens = self._size
        self._then = clock()

    @property
    def full(self) -> bool:
        """Whether it is as good as a new one."""
        self._fill()
        return self._tokens >= self._size

    def take(self) -> bool:
        """Take a token; return whether there was one."""
        self._fill()
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def spend(self) -> None:
        """Take a token if there is one."""
        self._fill()
        self._tokens = max(self._tokens - 1.0, 0.0)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._then) * self._rate, self._size)
        self._then = now


class Quotas:
    """The rates of an account.

    :param clock: seconds, from any beginning.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._connects: dict[str, Bucket] = {}
        self._retained: dict[str, Bucket] = {}

    def connect(self, client_id: str) -> bool:
        """Tell whether a client id may connect again already (E9)."""
        return self._take(self._connects, client_id, CONNECTS_PER_SECOND)

    def retain(self, topic: str) -> bool:
        """Tell whether a topic may get another retained message already (E41)."""
        return self._take(self._retained, topic, RETAINED_PER_SECOND)

    def connection(self) -> Bucket:
        """Return what one connection may publish and get (E28)."""
        return Bucket(PUBLISHES_PER_SECOND, clock=self._clock)

    def _take(self, buckets: dict[str, Bucket], key: str, rate: float) -> bool:
        bucket = buckets.get(key)
        if bucket is None:
            if len(buckets) >= _SWEEP_ABOVE:
                for known in [name for name, each in buckets.items() if each.full]:
                    del buckets[known]
            bucket = buckets[key] = Bucket(rate, clock=self._clock)
        return bucket.take()
