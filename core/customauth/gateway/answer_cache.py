"""The answers that one HTTP connection keeps, for authorizers with enableCachingForHttp (C32)."""

from __future__ import annotations

from collections.abc import Callable

from customauth.authorizer import Answer
from customauth.gateway.config import Authorizer
from customauth.gateway.presented import Presented

# One client sends few tokens over one connection; a hostile one shall not fill the memory with them.
_MAX_ANSWERS = 16

_Key = tuple[str, str | None, str | None]


class AnswerCache:
    """Answers by authorizer, token and signature, each for its own refreshAfterInSeconds.

    :param clock: gives the time, in seconds.
    :param time_scale: how many times faster than that clock the answers' seconds pass.
    """

    def __init__(self, clock: Callable[[], float], *, time_scale: float) -> None:
        self._clock = clock
        self._time_scale = time_scale
        self._answers: dict[_Key, tuple[float, Answer]] = {}

    def get(self, authorizer: Authorizer, presented: Presented) -> Answer | None:
        """Return the answer that still holds, None where there is none."""
        kept = self._answers.get(_key(authorizer, presented))
        if kept is None:
            return None
        expiry, answer = kept
        return answer if self._clock() < expiry else None

    def put(self, authorizer: Authorizer, presented: Presented, answer: Answer) -> None:
        """Keep an answer."""
        if len(self._answers) >= _MAX_ANSWERS:
            self._answers.clear()
        expiry = self._clock() + answer.refresh_after / self._time_scale
        self._answers[_key(authorizer, presented)] = (expiry, answer)


def _key(authorizer: Authorizer, presented: Presented) -> _Key:
    token = presented.token(authorizer.token_key_name) if authorizer.token_key_name else None
    return authorizer.name, token, presented.signature
