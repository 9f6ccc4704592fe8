"""A gateway without sockets and processes: its configuration, its office, and where a connection comes from."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from customauth.gateway.authenticate import Authenticator
from customauth.gateway.broker.memory import MemoryRouter
from customauth.gateway.broker.parties import Broker
from customauth.gateway.broker.presence import Presence
from customauth.gateway.broker.store import NoStore
from customauth.gateway.config import ApplicationProtocol, Authorizer, DomainConfiguration, GatewayConfig
from customauth.gateway.decision import Decision
from customauth.gateway.office import Office
from customauth.gateway.origin import HttpRequest, Origin
from customauth.gateway.records import Record
from customauth.gateway.runtimes.contract import FunctionFailed, FunctionSpec, Invocation
from customauth.gateway.runtimes.functions import PythonFunction
from customauth.signing import load_public_key

CONNECTION_ID = "00000000-0000-4000-8000-000000000000"
TOKEN = "open-sesame"
# The private key is nowhere: a crash must stay one when it is replayed, so the key cannot be made anew each time.
SIGNATURE = (
    "psWcw5/QbJ8IW9/c4NmU7zMxYLdXuH2v3aGeqH551v/GcirlVi3vO3B7Q+yC76NCx7lpCIXq9RTTu9R0iIIbNQkmKc5mRYHH/GpM"
    "NeJINw6SnkWO7CSTACC0aH9x1IRYaBNZoRj5RmQgXM36DK7rfDGK5sQOuzchQ84pAyI2saNV3+O5mEV+Uit+bR826x9mnk0/IHpJ"
    "HRPe24VQgmdQTkyN6q3q2ZoWEFp+7dxLnukOeObmeZ0gup0Bfjgzpg5mZ9MiM9mWGcYcvKk4m+90pzJQsxC25ZeZs/jISL57+Bce"
    "pG7yrcRESqlcBuC2k8udXpDaj0D+sy9ZC7MV6X/C5w=="
)
_PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAp+OmkVfk/zC589gXhoU+
WAyH2pi2eoz6hfP38l2DKo8DWG20XMvVJki36N2k1+yByNJ6SZgAV/+RK3zeczic
PSZTKL4mtCUPiAFEcT5WqVuwnSOuSDgprCm/GEhLqWQciazdkVyp4wQKMDqldQ6/
+MoCvDksfI9LcFyKtahXtAcWdJq48n3Y80Fc6HsNErnB70gNe+U39DyCrBq2zDq4
yrdj1SNm9SmPOB0toQEFZKq+6UbR/Mim9pa8GZVWq5p+6UlMAyWlncz7xYyLWO8Z
MNAaN7kFYstFT0wbVo936szt4uXyfvSWVlF4FvVmrzwYgvERhvT062xdqbpVKVCz
IQIDAQAB
-----END PUBLIC KEY-----
"""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FUNCTION = PythonFunction(file=Path("authorizer.py"), handler="handler")
_ALLOWED = [
    f"arn:aws:iot:us-east-1:123456789012:{what}" for what in ("client/${iot:ClientId}", "topic/a*", "topicfilter/a*")
]
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["iot:Connect", "iot:*Publish", "iot:Subscribe", "iot:Receive"],
            "Resource": _ALLOWED,
        }
    ],
}

CONFIG = GatewayConfig(
    authorizers={
        "signed": Authorizer(
            name="signed",
            active=True,
            function=_FUNCTION,
            token_key_name="token",
            public_keys={"key": load_public_key(_PUBLIC_KEY)},
            enable_caching_for_http=True,
        ),
        "open": Authorizer(name="open", active=True, function=_FUNCTION, signing_disabled=True),
        "failing": Authorizer(name="failing", active=True, function=_FUNCTION, signing_disabled=True),
        "asleep": Authorizer(name="asleep", active=False, function=_FUNCTION, signing_disabled=True),
    },
    domain_configurations=(
        DomainConfiguration(
            name="fixed", server_name="fixed.example", default_authorizer="open", allow_authorizer_override=False
        ),
        DomainConfiguration(
            name="mqtt", server_name="mqtt.example", application_protocol=ApplicationProtocol.SECURE_MQTT
        ),
    ),
)


class Quoting:
    """A runtime whose function allows a little, and quotes its event back: every secret is in its answer."""

    def __init__(self, spec: FunctionSpec) -> None:
        self._fails = spec.name == "failing"

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        """Answer at once."""
        seen = {"event": event, **_decoded(event)}
        if self._fails:
            raise FunctionFailed("it raised an error", error_message=json.dumps(seen), error_type="ValueError")
        answer = {
            "isAuthenticated": True,
            "principalId": "principal",
            "policyDocuments": [_POLICY],
            "context": seen,
            "quoted": json.dumps(seen),
            "text": json.dumps(seen, ensure_ascii=False),
            "repr": repr(seen),
        }
        return Invocation(payload=json.dumps(answer, ensure_ascii=False), duration=0.0)

    async def aclose(self) -> None:
        """End nothing."""


def _decoded(event: Mapping[str, Any]) -> dict[str, str]:
    """Return what functions make of user name and password before they look at them."""
    mqtt = event["protocolData"].get("mqtt", {})
    return {
        "username": unquote(mqtt.get("username", "")),
        "password": base64.b64decode(mqtt.get("password", "")).decode(errors="replace"),
    }


AUTHENTICATOR = Authenticator(CONFIG, runtimes=Quoting)


def shown(record: Record) -> str:
    """Return everything that a log shows of a record; one that cannot be shown raises."""
    line = record.line()
    assert _CONTROL.search(line) is None, "a control character in a line"
    text = line + json.dumps(record.as_json(), ensure_ascii=False)
    if isinstance(record, Decision):
        text += repr(record)
    text.encode(errors="surrogatepass")
    return text


def office() -> Office:
    """Return an office with a router of its own, which makes every record fit to be shown, and forgets it."""

    def record(record: Record) -> None:
        shown(record)

    router = MemoryRouter(NoStore())
    broker = Broker(router=router, presence=Presence(router))
    return Office(authenticator=AUTHENTICATOR, record=record, domain=CONFIG.domain, broker=broker, arn=CONFIG.arn)


def origin(*, alpn: str | None, server_name: str | None = "localhost", http: HttpRequest | None = None) -> Origin:
    """Return the origin of a connection on the main port."""
    return Origin(
        connection_id=CONNECTION_ID,
        peer="192.0.2.1:50000",
        account="123456789012",
        port=443,
        server_name=server_name,
        alpn=alpn,
        domain=None if server_name is None else CONFIG.domain(server_name),
        http=http,
    )
