"""Packet identifiers, the answers that are awaited under them, and the store that keeps nothing."""

from __future__ import annotations

import asyncio

from gmqtt.mqtt.utils import IdGenerator
from gmqtt.storage import PersistentStorage

from customauth import Acknowledgement, RequestError

_MAX_ID = 65_535
# So many are kept before those that nobody waits for any more are looked for.
_MANY = 1024


class Unanswered(IdGenerator):  # type: ignore[misc]  # gmqtt ships no types
    """Gives gmqtt its packet identifiers, and holds the answer to come for each.

    gmqtt's own allocator never gives back the identifier of a request that the server does not answer, and AWS leaves
    publishes unanswered (E28). Of a Receive Maximum it uses one less, subscriptions included, and then fails.

    :ivar last: the identifier that was given last; :meth:`gmqtt.Client.publish` does not return it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.last = 0
        self._answers: dict[int, asyncio.Future[Acknowledgement]] = {}
        self._sweep_at = _MANY

    def none(self) -> bool:
        """Say whether no answer is awaited."""
        return not self._answers

    def next_id(self) -> int:
        """Return the next identifier that no request waits under. (gmqtt calls it.)

        :raises RequestError: there is none.
        """
        if len(self._answers) >= self._sweep_at:
            self._sweep()
        while True:
            self.last = self.last % _MAX_ID + 1
            if self.last not in self._answers:
                return self.last

    def expect(self, packet_id: int) -> asyncio.Future[Acknowledgement]:
        """Return the answer to come under an identifier."""
        answer = self._answers[packet_id] = self._loop.create_future()
        return answer

    def take(self, packet_id: int) -> asyncio.Future[Acknowledgement] | None:
        """Return the answer that has come under an identifier, None when nobody waits for it."""
        return self._answers.pop(packet_id, None)

    def _sweep(self) -> None:
        for packet_id in [packet_id for packet_id, answer in self._answers.items() if answer.done()]:
            del self._answers[packet_id]
        if len(self._answers) == _MAX_ID:
            raise RequestError("as many requests wait for an answer as MQTT can tell apart; wait for one of them")
        self._sweep_at = min(max(_MANY, 2 * len(self._answers)), _MAX_ID)


class KeepsNothing(PersistentStorage):  # type: ignore[misc]  # gmqtt ships no types
    """Lets gmqtt send nothing again, and does not grow with publishes that the server leaves unanswered (E28)."""

    def push_message(self, mid: int, raw_package: bytes) -> None:
        """Forget a publish at QoS 1."""
