"""TLS as the device makes it, and in other ways: what differs tells why it fails (A39, A47, F14, F15)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from attrs import define, evolve

from customauth.doctor.finding import Check, Finding, Outcome
from customauth.doctor.probe.aws_names import is_aws, region_facts
from customauth.doctor.probe.certificate import Certificate
from customauth.doctor.probe.foreign import look_without_tls, recognised
from customauth.doctor.probe.result import Reached
from customauth.doctor.probe.tls import Failure, NoProtocolName, Offer, TlsPipe, Trouble
from customauth.doctor.probe.trip import Stopwatch, Trip, certain, check, likely
from customauth.endpoint import ALPN, DEFAULT_PORT, Transport, authority
from customauth.errors import EndpointError

WITHOUT_ALPN = "TLS without ALPN"
WITH_MQTT = f"TLS with ALPN {ALPN}"
WITHOUT_SNI = "TLS without SNI"

_CERTIFICATE = frozenset({Trouble.UNTRUSTED, Trouble.WRONG_NAME, Trouble.TIME})
_WORDLESS = frozenset({Trouble.CLOSED, Trouble.SILENT})


async def shake_hands(trip: Trip) -> AsyncGenerator[Check, None]:
    """Make the device's own handshake, and others beside it; ``trip.result.reached`` says whether its own was made."""
    watch = Stopwatch()
    own = Offer(alpn=trip.setup.alpn)
    try:
        made = await trip.shake(own)
        if isinstance(made, Failure) and made.trouble is Trouble.CLOSED:
            # An accident looks the same.
            made = await trip.shake(own)
    except EndpointError as error:
        yield check("TLS", Outcome.STOPPED, str(error), watch, [_unusable(trip, error)])
        return
    except NoProtocolName as error:
        yield check("TLS", Outcome.STOPPED, str(error), watch, [certain("alpn-wrong", str(error))])
        return
    if isinstance(made, TlsPipe):
        trip.result.reached = Reached.TLS
        yield _passed(trip, made, watch)
        certificate = made.certificate
        await made.close()
        if trip.endpoint.transport is Transport.MQTT and trip.endpoint.port == DEFAULT_PORT:
            for other in (await _others(trip, own, certificate)).values():
                yield other.check
        return
    trip.tell("< in place of TLS", made.first if made.trouble is Trouble.NOT_TLS else b"")
    seconds = watch.seconds()
    others = await _others(trip, own)
    yield evolve(await _stopped(trip, made, others), seconds=seconds)
    for other in others.values():
        yield other.check


@define
class _Other:
    """A handshake that was made in another way.

    :ivar failure: None where it passed.
    """

    check: Check
    failure: Failure | None


async def _others(trip: Trip, own: Offer, known: Certificate | None = None) -> Mapping[str, _Other]:
    """Make the handshake in the ways that differ from ``own`` in one thing each.

    :param known: the certificate of the device's own handshake, which need not be told again.
    """
    looking = evolve(own, verified=False)
    ways: dict[str, Offer] = {}
    if own.alpn:
        ways[WITHOUT_ALPN] = evolve(looking, alpn=())
    if own.alpn != (ALPN,) and trip.endpoint.transport is Transport.MQTT:
        ways[WITH_MQTT] = evolve(looking, alpn=(ALPN,))
    if not trip.endpoint.is_address():
        ways[WITHOUT_SNI] = evolve(looking, sni=False)
    made = await asyncio.gather(*(_other(trip, name, offer, known) for name, offer in ways.items()))
    return dict(zip(ways, made, strict=True))


async def _other(trip: Trip, name: str, offer: Offer, known: Certificate | None) -> _Other:
    watch = Stopwatch()
    made = await trip.shake(offer)
    if isinstance(made, Failure):
        return _Other(check(name, Outcome.PASSED, f"fails: {made.said}", watch), made)
    said = f"{_chosen(made)}, the same certificate" if known and made.certificate == known else _described(made)
    seen = check(name, Outcome.PASSED, f"works: {said}", watch)
    await made.close()
    return _Other(seen, None)


def _passed(trip: Trip, pipe: TlsPipe, watch: Stopwatch) -> Check:
    said = f"{_described(pipe)}; trusted, and for this name"
    certificate = pipe.certificate
    between = None if certificate is None else certificate.intercepted(trip.endpoint.host)
    if between is not None and (trip.endpoint.ca_pem is None or not is_aws(trip.endpoint.host)):
        return check("TLS", Outcome.WARNED, f"{said}; {between}", watch)
    if trip.setup.alpn and pipe.alpn is None and is_aws(trip.endpoint.host):
        return check("TLS", Outcome.WARNED, f"{said}; AWS chooses an ALPN, so something is between", watch)
    return check("TLS", Outcome.PASSED, said, watch)


def _described(pipe: TlsPipe) -> str:
    certificate = pipe.certificate
    shown = "a certificate that cannot be read" if certificate is None else f"certificate {certificate.described()}"
    return f"{_chosen(pipe)}, {shown}"


def _chosen(pipe: TlsPipe) -> str:
    return f"{pipe.version}, {'no ALPN' if pipe.alpn is None else f'ALPN {pipe.alpn}'}"


async def _stopped(trip: Trip, failure: Failure, others: Mapping[str, _Other]) -> Check:
    findings = [await _meaning(trip, failure, others)]
    if failure.trouble in _CERTIFICATE | {Trouble.NAME_REFUSED, Trouble.ALPN} and trip.endpoint.is_address():
        said = f"{trip.endpoint.host} is an address, with which no name (SNI) is sent"
        findings.insert(0, certain("endpoint-is-address", said))
    return check("TLS", Outcome.STOPPED, failure.said, None, findings)


async def _meaning(trip: Trip, failure: Failure, others: Mapping[str, _Other]) -> Finding:
    match failure.trouble:
        case Trouble.UNTRUSTED | Trouble.WRONG_NAME | Trouble.TIME:
            return await _certificate(trip, failure)
        case Trouble.ALPN:
            return _alpn(trip, others)
        case Trouble.NAME_REFUSED:
            said = f"the server answers the name {trip.endpoint.host} with the alert unrecognized_name"
            return certain("sni-refused", said, **region_facts(trip.endpoint.host))
        case Trouble.CERTIFICATE_WANTED:
            return certain("client-certificate-needed", f"the handshake ends with: {failure.said}")
        case Trouble.NOT_TLS:
            return _not_tls(trip, recognised(failure.first) or "what is neither TLS nor known here")
    return await _unclear(trip, failure, others)


async def _certificate(trip: Trip, failure: Failure) -> Finding:
    shown = await trip.shake(Offer(alpn=trip.setup.alpn, verified=False))
    certificate = None if isinstance(shown, Failure) else shown.certificate
    if isinstance(shown, TlsPipe):
        await shown.close()
    host = trip.endpoint.host
    if certificate is None:
        rules = {Trouble.UNTRUSTED: "tls-untrusted", Trouble.WRONG_NAME: "tls-wrong-name"}
        return certain(rules.get(failure.trouble, "tls-expired"), failure.said, endpoint=host)
    facts = {"endpoint": host, "issuer": certificate.issuer, "names": certificate.named()}
    match failure.trouble:
        case Trouble.WRONG_NAME:
            return certain("tls-wrong-name", f"the certificate is for {certificate.named()}, not for {host}", **facts)
        case Trouble.TIME:
            said = f"the certificate of {certificate.subject}: {certificate.validity()}"
            return certain("tls-expired", said, **facts)
    trusted = "the system trusts" if trip.endpoint.ca_pem is None else "the CA file holds"
    by = "itself" if certificate.self_signed else certificate.issuer
    said = f"the certificate of {certificate.subject} is signed by {by}, which is none that {trusted}"
    between = certificate.intercepted(host)
    return certain("tls-untrusted", said if between is None else f"{said}; {between}", **facts)


def _alpn(trip: Trip, others: Mapping[str, _Other]) -> Finding:
    offered = ", ".join(trip.setup.alpn) or "none"
    if _works(others, WITH_MQTT):
        return certain("alpn-wrong", f"the server refuses the ALPN {offered} and takes {ALPN}", alpn=offered)
    if _works(others, WITHOUT_ALPN) and trip.endpoint.transport is Transport.WSS:
        return certain("alpn-wrong", f"the server refuses the ALPN {offered} and serves without one", alpn=offered)
    said = f"the server answers the ALPN {offered} with the alert no_application_protocol"
    return certain("alpn-refused", said, alpn=offered)


async def _unclear(trip: Trip, failure: Failure, others: Mapping[str, _Other]) -> Finding:
    """Read a failure that says nothing by what goes well in its place."""
    offered = ", ".join(trip.setup.alpn)
    how = f"with the ALPN {offered}" if offered else "without ALPN"
    if _works(others, WITH_MQTT):
        rule = "alpn-wrong" if offered else "alpn-missing"
        return certain(rule, f"{how} the handshake fails ({failure.said}), with {ALPN} it does not", alpn=offered)
    if _works(others, WITHOUT_ALPN):
        return certain("alpn-refused", f"{how} the handshake fails ({failure.said}), without ALPN it does not")
    if _works(others, WITHOUT_SNI):
        said = f"with the name {trip.endpoint.host} the handshake fails ({failure.said}), without a name it does not"
        return likely("sni-refused", said, **region_facts(trip.endpoint.host))
    if failure.trouble in _WORDLESS:
        spoken = await look_without_tls(trip)
        if spoken is not None:
            return _not_tls(trip, spoken)
    return certain("tls-failed", failure.said, endpoint=trip.endpoint.host)


def _not_tls(trip: Trip, spoken: str) -> Finding:
    host, port = trip.endpoint.dial_target()
    return certain("not-tls", f"{authority(host, port)} answers with {spoken}", endpoint=host, port=str(port))


def _unusable(trip: Trip, error: EndpointError) -> Finding:
    # Of the two that are read for the handshake it names the one.
    rule = "tls-untrusted" if str(error).startswith("the CA") else "tls-failed"
    return certain(rule, str(error), endpoint=trip.endpoint.host)


def _works(others: Mapping[str, _Other], name: str) -> bool:
    return name in others and others[name].failure is None
