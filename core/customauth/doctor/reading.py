"""Build the set-up that is examined: from options, from a raw user name, or from the bytes of a CONNECT packet.

Nothing is refused for being wrong: that is for lint to find. The set-up given as ``base`` brings what the credentials
do not tell: the endpoint, the ALPN, the public keys, the topics.
"""

from __future__ import annotations

from typing import Any

import attrs

from customauth import _parameters as grammar
from customauth.credentials import CustomAuth, SignedToken
from customauth.doctor.capture import captured_connect
from customauth.doctor.parameters import AUTHORIZER_NAME, SIGNATURE, parameters_of, parts_of
from customauth.doctor.setup import Origin, Setup, WillPart
from customauth.endpoint import Transport
from customauth.errors import CredentialError
from customauth.mqtt import Connect, Property
from customauth.request import CredentialsIn


def setup_from_flags(
    base: Setup,
    *,
    authorizer: str | None = None,
    user: str = "",
    token_key_name: str | None = None,
    token: str | None = None,
    signature: str | None = None,
    jwt: str | None = None,
) -> Setup:
    """Build the set-up of credentials that are given part by part; ``base`` has the password, and where they travel.

    What travels is what :class:`~customauth.CustomAuth` makes of the parts. Where it refuses them, ``broken`` says why,
    and what travels is what the AWS SDKs would send: a signature is encoded unless it holds a ``%`` (A10), and nothing
    is checked.
    """
    try:
        credentials = _credentials(base, authorizer, user, token_key_name, token, signature, jwt)
        sent = _sent(base, credentials)
    except CredentialError as error:
        if jwt is not None:
            token, signature = _taken_apart(jwt)
        named = _named(authorizer, token_key_name, token, signature)
        setup = attrs.evolve(base, broken=str(error), **_placed(base.credentials_in, user, named))
    else:
        setup = attrs.evolve(base, **sent)
    parts = parts_of(parameters_of(setup), token_key_name)
    if token_key_name is None:
        # It cannot travel without a name.
        parts = attrs.evolve(parts, token=token)
    return attrs.evolve(
        setup, origin=Origin.FLAGS, user=user, jwt=jwt, parts=parts, broken=setup.broken or _lost(setup)
    )


def setup_from_username(raw: str, base: Setup) -> Setup:
    """Build the set-up of a device that sends this user name, and ``base.password``, as they are."""
    user, _ = grammar.split_username(raw)
    setup = attrs.evolve(
        base,
        origin=Origin.USERNAME,
        credentials_in=CredentialsIn.USERNAME,
        username=raw or None,
        user=user,
        headers={},
        query=None,
    )
    return attrs.evolve(setup, parts=parts_of(parameters_of(setup), base.expected_token_key_name))


def setup_from_capture(data: bytes, base: Setup) -> Setup:
    """Build the set-up of a device that sends these bytes: a CONNECT, raw, as hexadecimal text or dump, or in base64.

    Other packets before and after it do no harm. A CONNECT that no server takes gives a set-up that is ``broken``.

    :raises CredentialError: when there is no whole CONNECT in it, with what it is where that can be told.
    """
    captured = captured_connect(data)
    if captured.packet is None:
        return attrs.evolve(
            base,
            origin=Origin.CAPTURE,
            username=None,
            password=None,
            broken=captured.fault,
            broken_rule=captured.rule,
        )
    packet = captured.packet
    setup = attrs.evolve(
        base,
        origin=Origin.CAPTURE,
        version=packet.version,
        client_id=packet.client_id,
        client_id_given=True,
        clean_start=packet.clean_start,
        session_expiry=_session_expiry(packet),
        keep_alive=packet.keep_alive,
        will=_will(packet),
        username=packet.username,
        user=grammar.split_username(packet.username or "")[0],
        password=packet.password,
        headers={},
        query=None,
    )
    return attrs.evolve(setup, parts=parts_of(parameters_of(setup), base.expected_token_key_name))


def _credentials(
    base: Setup,
    authorizer: str | None,
    user: str,
    key_name: str | None,
    token: str | None,
    signature: str | None,
    jwt: str | None,
) -> CustomAuth:
    if key_name is None and not (jwt is None and token is None):
        raise CredentialError("the token needs a name: give the authorizer's token key name")
    if jwt is not None:
        return CustomAuth.from_jwt(
            jwt, token_key_name=key_name or "", authorizer=authorizer, username=user, password=base.password
        )
    signed = None
    if token is not None:
        if signature is None:
            raise CredentialError(
                "there is a token but no signature; sign it, or leave it out for an authorizer with signing disabled"
            )
        signed = SignedToken(key_name=key_name or "", value=token, signature=signature)
    elif signature is not None:
        raise CredentialError("there is a signature but no token; give the token that it was made of")
    return CustomAuth(authorizer=authorizer, username=user, password=base.password, token=signed)


def _sent(base: Setup, credentials: CustomAuth) -> dict[str, Any]:
    """Return what travels of credentials that are in order."""
    place = base.credentials_in
    username = credentials.mqtt_username() if place is CredentialsIn.USERNAME else credentials.username or None
    return {
        "username": username,
        "headers": credentials.http_headers() if place is CredentialsIn.HEADERS else {},
        "query": credentials.url_query() if place is CredentialsIn.QUERY else None,
    }


def _named(
    authorizer: str | None, key_name: str | None, token: str | None, signature: str | None
) -> list[tuple[str, str]]:
    """List what an SDK would send, each independent of the others (A13)."""
    named = []
    if authorizer is not None:
        named.append((AUTHORIZER_NAME, authorizer))
    if signature is not None:
        named.append((SIGNATURE, signature))
    if token is not None and key_name is not None:
        named.append((key_name, token))
    return [(_encodable(name), _encodable(value)) for name, value in named]


def _placed(place: CredentialsIn, user: str, named: list[tuple[str, str]]) -> dict[str, Any]:
    """Put them where they are to travel, whether they can travel there or not."""
    if place is CredentialsIn.HEADERS:
        return {"username": user or None, "headers": dict(named), "query": None}
    encode = grammar.encode_wholly if place is CredentialsIn.QUERY else grammar.encode_value
    pieces = []
    for name, value in named:
        if name == SIGNATURE:
            pieces.append(f"{name}={value if '%' in value else grammar.encode_wholly(value)}")
        else:
            pieces.append(f"{grammar.encode_key(name)}={encode(value)}")
    joined = "&".join(pieces)
    if place is CredentialsIn.QUERY:
        return {"username": user or None, "headers": {}, "query": joined}
    return {"username": f"{user}?{joined}" if pieces else user or None, "headers": {}, "query": None}


def _encodable(text: str) -> str:
    """Replace what UTF-8 cannot carry."""
    return text.encode("utf-8", "replace").decode()


def _lost(setup: Setup) -> str | None:
    """Say why credentials that are in order would still not travel."""
    transport = setup.endpoint.transport if setup.endpoint is not None else None
    if setup.credentials_in is not CredentialsIn.USERNAME and transport is Transport.MQTT:
        return (
            f"credentials travel in {setup.credentials_in.value} only over a WebSocket; "
            "write wss://HOST as the endpoint, or send them in the user name"
        )
    return None


def _taken_apart(jwt: str) -> tuple[str, str | None]:
    """Return token and signature of a JWT as :meth:`CustomAuth.from_jwt` would, the whole as token where it is none."""
    head, separator, signature = jwt.strip().rpartition(".")
    if not separator or "." not in head:
        return jwt, None
    return head, signature.translate(str.maketrans("-_", "+/")) + "=" * (-len(signature) % 4)


def _session_expiry(packet: Connect) -> int | None:
    expiry = packet.properties.get(Property.SESSION_EXPIRY_INTERVAL)
    return expiry if isinstance(expiry, int) else None


def _will(packet: Connect) -> WillPart | None:
    will = packet.will
    if will is None:
        return None
    return WillPart(topic=will.topic, qos=will.qos, retain=will.retain, payload=will.payload)
