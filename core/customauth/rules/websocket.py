"""How a WebSocket is opened, or not."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import NO_UPGRADE

_CHECK = "send the request that opens the WebSocket, and read status, headers and body of the answer"

WEBSOCKET: tuple[Rule, ...] = (
    Rule(
        key="websocket-path",
        phase=Phase.UPGRADE,
        cause="the WebSocket is not opened at /mqtt",
        symptom=f"{NO_UPGRADE} but 404",
        check=f"{_CHECK}; where it is refused, once more at /mqtt",
        cure="open the WebSocket at /mqtt",
        command="wss://{endpoint}/mqtt",
        sources=("A23", "J5"),
    ),
    Rule(
        key="upgrade-bad-request",
        phase=Phase.UPGRADE,
        cause="the request that opens the WebSocket is not one that AWS takes",
        symptom=f"{NO_UPGRADE} but 400 or 426",
        check=_CHECK,
        cure="open the WebSocket at /mqtt with the subprotocol mqtt; check that endpoint and port are those of AWS IoT",
        command="Sec-WebSocket-Protocol: mqtt",
        sources=("A23", "A24"),
    ),
    Rule(
        key="upgrade-forbidden",
        phase=Phase.UPGRADE,
        cause="the request that opens the WebSocket bears no credentials that the server knows, or was taken for SigV4",
        symptom=f"{NO_UPGRADE} but 403",
        check=f"{_CHECK}: x-amzn-ErrorType ForbiddenException is AWS's own",
        cure="check the credentials in headers or query: the authorizer's name, token key name, token and signature; "
        "without any, AWS takes the request for SigV4 and refuses it",
        sources=("A22", "A25", "F6", "F7"),
    ),
    Rule(
        key="sigv4-request",
        phase=Phase.UPGRADE,
        cause="the request is signed with AWS credentials (SigV4), which is another authentication than custom",
        symptom=f"{NO_UPGRADE} but 403",
        check="look for Authorization: AWS4-… among the headers and for X-Amz-Signature in the query",
        cure="send custom authentication and no SigV4 signature",
        sources=("A42", "A60", "F6"),
    ),
    Rule(
        key="upgrade-not-mqtt",
        phase=Phase.UPGRADE,
        cause="the server opens WebSockets, but not for MQTT",
        symptom="no WebSocket is opened: the HTTP status is not 101",
        check=f"{_CHECK}: which subprotocol it names",
        cure="the server opens WebSockets, but not for MQTT: check endpoint, port and path (/mqtt on AWS)",
        sources=("A23", "A24"),
    ),
    Rule(
        key="upgrade-rejected",
        phase=Phase.UPGRADE,
        cause="the server opens no WebSocket for MQTT",
        symptom=NO_UPGRADE,
        check=_CHECK,
        cure="check endpoint, port and path (/mqtt on AWS), and what stands between that answers in its place",
        sources=("A23", "F6"),
    ),
)
