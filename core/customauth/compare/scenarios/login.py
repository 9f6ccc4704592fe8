"""What a row of the table of authentications says; :mod:`.logins` is the table, :mod:`.authentication` runs it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

from attrs import field, frozen

from customauth import CustomAuth, CustomAuthError, Feature, MqttVersion, SignedToken, Stage

ARN = "arn:aws:iot:us-east-1:123456789012"
PASSWORD = "wonderland"  # noqa: S105 - of a gateway that lives for one scenario
LONGEST = 86400
"""The largest ``disconnectAfterInSeconds`` and ``refreshAfterInSeconds`` of an answer (C16, C28)."""


class Act(enum.Enum):
    """What the user does."""

    CONNECT = "connect"
    CONNECT_AGAIN = "connect twice in a row"
    PUBLISH = "publish at QoS 0"
    PUBLISH_ACKNOWLEDGED = "publish at QoS 1"
    SUBSCRIBE = "subscribe"
    WAIT = "nothing"


@frozen(kw_only=True)
class Keys:
    """What a token is signed with.

    :ivar private_pem: that of the gateway's public key.
    """

    private_pem: bytes = field(repr=False)

    def signed(self, value: str, key_name: str = "token") -> SignedToken:
        """Sign a token."""
        from customauth.signing import signed_token

        return signed_token(key_name, value, self.private_pem)


@frozen(kw_only=True)
class Expected:
    """What must be told.

    :ivar stage: of a failed attempt.
    :ivar retryable: of a failed attempt.
    :ivar details: other attributes that the error must have.
    """

    error: type[CustomAuthError]
    stage: Stage | None = None
    retryable: bool | None = None
    details: Mapping[str, object] = field(factory=dict)


def _credentials(_: Keys) -> CustomAuth:
    return CustomAuth(authorizer="open", username="alice", password=PASSWORD.encode())


@frozen(kw_only=True)
class Login:
    """One row of the table.

    :ivar name: how it is called everywhere.
    :ivar description: what happens, without the full stop.
    :ivar facts: the facts that it is from, or that say what must be told.
    :ivar answer: what the authorizer's function answers, of the event and how often it was asked before.
    :ivar expected: what must be told, on each version.
    :ivar server_name: which name the client asks for, where it is not the gateway's own.
    :ivar time_scale: how many times faster than the clock the answer's seconds pass.
    :ivar needs: what a backend must declare.
    :ivar quick: whether a quick comparison takes it: not what a client cannot tell from another row, nor a second wait.
    """

    name: str
    title: str
    description: str
    facts: tuple[str, ...]
    expected: Mapping[MqttVersion, Expected]
    answer: Callable[[Mapping[str, object], int], object] = lambda _, __: accepted()
    credentials: Callable[[Keys], CustomAuth] = _credentials
    act: Act = Act.CONNECT
    server_name: str | None = None
    enforce_quotas: bool = False
    time_scale: float = 1.0
    needs: frozenset[Feature] = frozenset()
    quick: bool = True


def policy(clients: str = "*") -> dict[str, object]:
    """Return a policy document that allows to connect, and what is below ``allowed/``."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{ARN}:client/{clients}"},
            {"Effect": "Allow", "Action": "iot:Publish", "Resource": f"{ARN}:topic/allowed/*"},
            {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{ARN}:topicfilter/allowed/*"},
        ],
    }


def accepted(**other: object) -> dict[str, object]:
    """Return an answer of a function that lets the client in, with other values in places."""
    usual: dict[str, object] = {
        "isAuthenticated": True,
        "principalId": "comparison",
        "disconnectAfterInSeconds": LONGEST,
        "refreshAfterInSeconds": LONGEST,
        "policyDocuments": [policy()],
    }
    return usual | other
