"""The table of authentications that AWS refuses or ends. It is data; :mod:`.authentication` runs it.

MQTT 5 gets a reason code; MQTT 3.1.1 is closed without a word (F1, F3, D22).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from customauth import (
    ClosedBeforeConnack,
    ConnackRefused,
    CustomAuth,
    CustomAuthError,
    Disconnected,
    Feature,
    MqttVersion,
    PublishRefused,
    SignedToken,
    Stage,
    SubscribeRefused,
    TlsFailed,
    TlsReason,
)
from customauth.compare.scenarios.login import LONGEST, PASSWORD, Act, Expected, Keys, Login, accepted, policy

_V5, _V311 = MqttVersion.V5, MqttVersion.V311
# The shortest seconds of an answer, 300 (C16, C28), are 0.15 s then.
_FAST = 2000.0
_LEAST = 300


def _refusal(code: int, *, retryable: bool) -> dict[MqttVersion, Expected]:
    return {
        _V5: Expected(error=ConnackRefused, stage=Stage.CONNACK, retryable=retryable, details={"reason_code": code}),
        _V311: Expected(error=ClosedBeforeConnack, stage=Stage.CONNACK, retryable=False),
    }


def _ending(code: int | None, error: type[CustomAuthError] = Disconnected) -> dict[MqttVersion, Expected]:
    ended: dict[str, object] = {"by_server": True} if error is Disconnected else {}
    return {
        _V5: Expected(error=error, details={"reason_code": code, **ended}),
        _V311: Expected(error=Disconnected, details={"reason_code": None, "by_server": True}),
    }


def _refused(name: str, title: str, description: str, *facts: str, **more: object) -> Login:
    return Login(
        name=name,
        title=title,
        description=description,
        facts=(*facts, "F1", "F3"),
        expected=_refusal(0x87, retryable=False),
        **more,  # type: ignore[arg-type]  # fields of Login
    )


def _answered(name: str, title: str, description: str, answer: object, *facts: str, quick: bool = True) -> Login:
    return _refused(name, title, description, *facts, answer=lambda _, __: answer, quick=quick)


def _raises(_: Mapping[str, object], __: int) -> object:
    from customauth.gateway.runtimes.contract import FunctionFailed

    raise FunctionFailed("the function raised KeyError", error_message="'user'", error_type="KeyError")


def _is_late(_: Mapping[str, object], __: int) -> object:
    from customauth.gateway.runtimes.contract import FunctionTimedOut

    raise FunctionTimedOut("the function is late", error_message="timed out", error_type="Sandbox.Timedout")


def _is_not_run(_: Mapping[str, object], __: int) -> object:
    from customauth.gateway.runtimes.contract import FunctionThrottled

    raise FunctionThrottled("not invoked", error_message="not invoked", error_type="AccessDeniedException")


def _signed(key_name: str = "token", other: bool = False) -> Callable[[Keys], CustomAuth]:
    def credentials(keys: Keys) -> CustomAuth:
        token = keys.signed("open-sesame", key_name)
        if other:
            token = SignedToken(key_name=key_name, value="another token", signature=token.signature)
        return CustomAuth(authorizer="signed", token=token)

    return credentials


def _at(authorizer: str | None) -> Callable[[Keys], CustomAuth]:
    return lambda _: CustomAuth(authorizer=authorizer, username="alice", password=PASSWORD.encode())


def _refuses_wrong_password(event: Mapping[str, object], _: int) -> object:
    import base64

    data = event.get("protocolData")
    mqtt = data.get("mqtt") if isinstance(data, dict) else None
    given = base64.b64decode(mqtt.get("password", "")) if isinstance(mqtt, dict) else b""
    return accepted(isAuthenticated=given == PASSWORD.encode())


def _refuses_later(_: Mapping[str, object], asked: int) -> object:
    return accepted(isAuthenticated=asked == 0, refreshAfterInSeconds=_LEAST)


_ADDRESS = frozenset({Feature.ADDRESS})

ELSEWHERE = {
    "F2": "the size of a CONNACK is the server's affair; no client tells it",
    "F4": "superseded by F3",
    "F6": "no backend is given SigV4 credentials; fault/upgrade-403 has the same answer",
    "F7": "customauth.connect sends credentials in CONNECT; fault/upgrade-403 has the answer to those in headers",
    "F9": "HTTPS, which no backend speaks",
    "F10": "HTTPS, which no backend speaks",
    "F15": "fault/tls-alpn-refused",
}
"""Facts of section F that have no row here, and why."""

LOGINS: tuple[Login, ...] = (
    _answered(
        "not-authenticated", "isAuthenticated false", "The function says no", accepted(isAuthenticated=False), "C22"
    ),
    _answered(
        "client-id-denied",
        "Client id not in the policy",
        "The policy allows iot:Connect for another client id",
        accepted(policyDocuments=[policy("another")]),
        "F13",
    ),
    _refused("function-raises", "Function raises", "The function raises", "C22", answer=_raises),
    _refused(
        "function-late",
        "Function late",
        "The function does not answer in time; the limit of 5 s itself is not waited for",
        "F11",
        answer=_is_late,
        quick=False,
    ),
    _refused(
        "function-not-invoked",
        "Function not invoked",
        "The function cannot be invoked, as without the permission to do so",
        "F12",
        answer=_is_not_run,
        quick=False,
    ),
    _answered("garbage-answer", "Garbage answered", "The function answers a text", "welcome", "C22", quick=False),
    _answered(
        "no-principal", "No principalId", "The answer names no principal", accepted(principalId=""), "C22", quick=False
    ),
    _answered(
        "no-policies", "Empty policies", "The answer has no policy", accepted(policyDocuments=[]), "C21", quick=False
    ),
    _answered(
        "ttl-out-of-range",
        "Lifetime out of range",
        "The answer's disconnectAfterInSeconds is 86401",
        accepted(disconnectAfterInSeconds=LONGEST + 1),
        "C22",
        quick=False,
    ),
    _answered(
        "refresh-out-of-range",
        "Refresh out of range",
        "The answer's refreshAfterInSeconds is 299",
        accepted(refreshAfterInSeconds=_LEAST - 1),
        "C22",
        quick=False,
    ),
    _refused(
        "unknown-authorizer",
        "Unknown authorizer",
        "No authorizer has the name that the client gives",
        "F5",
        credentials=_at("nobody"),
    ),
    _refused(
        "inactive-authorizer", "INACTIVE authorizer", "The authorizer is INACTIVE", "B9", credentials=_at("resting")
    ),
    _refused(
        "no-default-authorizer",
        "No default authorizer",
        "The client names no authorizer, and there is no default",
        "A60",
        credentials=_at(None),
    ),
    _refused(
        "signature-of-another",
        "Signature over another token",
        "The signature is good, but of another token",
        "B20",
        credentials=_signed(other=True),
    ),
    _refused(
        "wrong-token-key-name",
        "Wrong token key name",
        "The token comes under another name than the authorizer's token key name",
        "F8",
        credentials=_signed("ticket"),
        quick=False,
    ),
    _refused(
        "no-signature",
        "No token, no signature",
        "A user name and a password alone, at an authorizer that wants a signed token",
        "F8",
        credentials=_at("signed"),
    ),
    _refused(
        "wrong-password",
        "Wrong password",
        "The function looks at the password, and says no",
        "C22",
        credentials=lambda _: CustomAuth(authorizer="open", username="alice", password=b"looking-glass"),
        answer=_refuses_wrong_password,
    ),
    _refused(
        "domain-disabled",
        "DISABLED domain",
        "The domain configuration is DISABLED",
        "F14",
        server_name="closed.example.test",
        needs=_ADDRESS,
        quick=False,
    ),
    Login(
        name="name-not-served",
        title="Name not served",
        description="The server does not serve the name that the client asks for",
        facts=("F14",),
        expected=dict.fromkeys(
            MqttVersion,
            Expected(error=TlsFailed, stage=Stage.TLS, retryable=False, details={"reason": TlsReason.SNI_REFUSED}),
        ),
        server_name="elsewhere.example.test",
        needs=_ADDRESS,
    ),
    Login(
        name="too-fast",
        title="Connect too fast",
        description="A second CONNECT of a client id within a second",
        facts=("F16", "E9"),
        expected=_refusal(0x97, retryable=True),
        act=Act.CONNECT_AGAIN,
        enforce_quotas=True,
    ),
    Login(
        name="publish-denied-qos1",
        title="Denied publish, QoS 1",
        description="The policy does not allow the topic of a publish at QoS 1",
        facts=("F17", "D22"),
        expected=_ending(0x87, PublishRefused),
        act=Act.PUBLISH_ACKNOWLEDGED,
    ),
    Login(
        name="publish-denied-qos0",
        title="Denied publish, QoS 0",
        description="The policy does not allow the topic of a publish at QoS 0",
        facts=("F17", "D22"),
        expected=_ending(0x87),
        act=Act.PUBLISH,
    ),
    Login(
        name="subscribe-denied",
        title="Denied subscribe",
        description="The policy does not allow the topic filter",
        facts=("F17", "D22"),
        expected=_ending(0x87, SubscribeRefused),
        act=Act.SUBSCRIBE,
    ),
    Login(
        name="ttl-end",
        title="Lifetime over",
        description="The connection is older than disconnectAfterInSeconds",
        facts=("F17", "C28"),
        expected=_ending(0x98),
        answer=lambda _, __: accepted(disconnectAfterInSeconds=_LEAST),
        act=Act.WAIT,
        time_scale=_FAST,
    ),
    Login(
        name="refresh-denied",
        title="Refused at a refresh",
        description="The function is asked again, and says no",
        facts=("F17", "C29"),
        expected=_ending(0x87),
        answer=_refuses_later,
        act=Act.WAIT,
        time_scale=_FAST,
        quick=False,
    ),
)
"""The whole table."""
