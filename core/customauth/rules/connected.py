"""What ends an accepted connection, or is refused on it, beside policies."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import ENDED, REQUEST_REFUSED

_CODE = "read the reason code of PUBACK, SUBACK or DISCONNECT; MQTT 3.1.1 is closed without one"

CONNECTED: tuple[Rule, ...] = (
    Rule(
        key="connection-not-authorized",
        phase=Phase.CONNECTED,
        cause="the policies deny a publish, or the authorizer refuses when it is asked anew",
        symptom=f"{ENDED} with DISCONNECT 0x87",
        check="look what the client did last, and how long after the login or a refresh",
        cure="the authorizer's answer has expired or its policy denies: connect again with fresh credentials, "
        "or mend the policy; the server's log says which",
        sources=("C29", "C30", "C31", "D22"),
    ),
    Rule(
        key="session-taken-over",
        phase=Phase.CONNECTED,
        cause="another client connects with the same client id",
        symptom=f"{ENDED} with DISCONNECT 0x8E",
        check="look for a second client, or a second process of the same, with this client id",
        cure="another client connected with this client id (E15): give each its own",
        sources=("E15",),
    ),
    Rule(
        key="credentials-expired",
        phase=Phase.CONNECTED,
        cause="the time that the authorizer grants a connection is over, or a refresh is refused",
        symptom=f"{ENDED} after a time that is always the same",
        check="compare the connection's age with disconnectAfterInSeconds and refreshAfterInSeconds",
        cure="connect again with fresh credentials, as customauth.session does; the authorizer may grant up to 86400 s",
        command='"disconnectAfterInSeconds": 86400',
        sources=("C27", "C28", "C29", "A31"),
    ),
    Rule(
        key="keep-alive-timeout",
        phase=Phase.CONNECTED,
        cause="nothing is heard from the client for 1.5 times its keep alive",
        symptom=f"{ENDED} with DISCONNECT 0x8D",
        check="look whether the client sends PINGREQ in time",
        cure="nothing was heard from this client for 1.5 times the keep alive (E10): let it send PINGREQ in time, so "
        "do not block the loop that it runs in, or ask for a longer keep alive, up to 1200 s",
        sources=("E10",),
    ),
    Rule(
        key="closed-without-word",
        phase=Phase.CONNECTED,
        cause="the server ends the connection of an MQTT 3.1.1 client, which is told no reason",
        symptom=f"{ENDED} without a DISCONNECT",
        check="connect with MQTT 5, which is told more",
        cure="AWS closes without a word when an MQTT 3.1.1 client publishes or subscribes to what its policy denies, "
        "when another client takes its client id (E15), or when it sends what AWS does not serve: connect with MQTT 5, "
        "which says which",
        sources=("D22", "E15", "E18", "E23"),
    ),
    Rule(
        key="payload-too-large",
        phase=Phase.CONNECTED,
        cause="a payload is larger than 128 KiB, or a packet than 146 KiB",
        symptom=REQUEST_REFUSED,
        check="count the payload's bytes",
        cure="send at most 131072 bytes in one message (E21): split it, or send a link to it",
        sources=("E2", "E21", "H10"),
    ),
    Rule(
        key="quota-exceeded",
        phase=Phase.CONNECTED,
        cause="a quota of the connection is exceeded",
        symptom=f"{REQUEST_REFUSED} with 0x97",
        check=_CODE,
        cure="a quota of the connection was exceeded: a payload of more than 128 KiB (E21), user properties or "
        "correlation data of more than 8 KiB (E47), or too many messages (E28)",
        sources=("E21", "E25", "E28", "E47"),
    ),
    Rule(
        key="topic-invalid",
        phase=Phase.CONNECTED,
        cause="the topic is too long, too deep, has a wildcard or is reserved",
        symptom=f"{REQUEST_REFUSED} with 0x90",
        check="look at the topic: at most 256 bytes and 7 slashes",
        cure="mend the topic: at most 256 bytes and 8 levels, no + or #, none of the reserved ones (E22, E44)",
        sources=("E22", "E23", "E32", "E44"),
    ),
    Rule(
        key="filter-invalid",
        phase=Phase.CONNECTED,
        cause="the topic filter is too long, too deep, malformed or reserved",
        symptom=f"{REQUEST_REFUSED} with 0x8F",
        check="look at the topic filter: at most 256 bytes and 7 slashes",
        cure="mend the topic filter: at most 256 bytes and 8 levels, + alone in its level and # alone in the last "
        "(E22); a shared one is $share/GROUP/FILTER",
        sources=("E22", "E23", "E24", "E44"),
    ),
    Rule(
        key="too-many-subscriptions",
        phase=Phase.CONNECTED,
        cause="the connection has more than 50 subscriptions, or a SUBSCRIBE more than 8 filters",
        symptom=f"{REQUEST_REFUSED} with 0x97",
        check="count the filters",
        cure="a quota is exceeded, such as 50 subscriptions a connection (E26): do with less, or wait",
        sources=("E25", "E26"),
    ),
    Rule(
        key="subscription-identifier",
        phase=Phase.CONNECTED,
        cause="a SUBSCRIBE has a Subscription Identifier, which AWS does not serve",
        symptom=f"{ENDED} with DISCONNECT 0xA1",
        check=_CODE,
        cure="subscribe without a Subscription Identifier (E27)",
        sources=("E2", "E27"),
    ),
    Rule(
        key="topic-alias",
        phase=Phase.CONNECTED,
        cause="a topic alias is above 8, or was never set",
        symptom=f"{ENDED} with DISCONNECT 0x94",
        check=_CODE,
        cure="number topic aliases from 1 to the CONNACK's Topic Alias Maximum, 8 on AWS (E36), and send each with its "
        "topic first, anew in each connection",
        sources=("E2", "E36"),
    ),
    Rule(
        key="qos2",
        phase=Phase.CONNECTED,
        cause="a publish or a subscription has QoS 2, which AWS does not serve",
        symptom=f"{REQUEST_REFUSED}: DISCONNECT 0x9B",
        check=_CODE,
        cure="use QoS 0 or 1 (E18)",
        sources=("E18", "E19", "H14"),
    ),
    Rule(
        key="rate-exceeded",
        phase=Phase.CONNECTED,
        cause="more than 100 publishes a second on the connection: those above are not taken, nor acknowledged",
        symptom=f"{REQUEST_REFUSED}, or is not acknowledged in time",
        check="count the publishes of a second, in and out",
        cure="raise the timeout; AWS answers no publish beyond 100 a second for a connection (E28)",
        sources=("E28",),
    ),
    Rule(
        key="protocol-error",
        phase=Phase.CONNECTED,
        cause="a packet cannot be read, or does not belong on an open connection, as a second CONNECT",
        symptom=f"{ENDED} with DISCONNECT 0x81 or 0x82",
        check="capture what the client sends last; the END line of the local gateway says what is wrong with it",
        cure="let an MQTT library build the packets, one CONNECT first and no other after it (E14), and let nothing "
        "else, such as a second thread, write to the connection",
        sources=("E14", "E34"),
    ),
    Rule(
        key="receive-maximum",
        phase=Phase.CONNECTED,
        cause="more than 100 publishes of QoS 1 are not yet acknowledged",
        symptom=f"{ENDED} with DISCONNECT 0x93",
        check=_CODE,
        cure="at most 100 unacknowledged QoS 1 publishes are taken (E29): wait for PUBACKs",
        sources=("E2", "E29"),
    ),
)
