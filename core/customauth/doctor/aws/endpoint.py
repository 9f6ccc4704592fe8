"""Whose credentials, whose endpoint, and what its domain configuration lets in (A47, A53-A63, G7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from customauth.doctor.aws.authorizer import describe
from customauth.doctor.aws.case import Authorizer, Case, passed, skipped, stopped, warned
from customauth.doctor.aws.clients import Refused
from customauth.doctor.finding import Certainty, Check
from customauth.endpoint import Transport

# An account has ten (A61), and the four of its own.
_MOST_CONFIGURATIONS = 20
_OLD = "iot:Data"
_OTHERS = {"iot:CredentialProvider": "the credentials provider", "iot:Jobs": "jobs"}


def check_identity(case: Case) -> Check:
    """Say whose credentials AWS is asked with."""
    name = "AWS credentials"
    answer = case.ask("sts", "get_caller_identity")
    if isinstance(answer, Refused):
        case.over = answer.ends_all
        return skipped(name, f"{answer.why}{'; nothing further was asked of AWS' if case.over else ''}")
    arn = str(answer.get("Arn", ""))
    case.account = answer.get("Account")
    case.partition = arn.split(":")[1] if arn.count(":") > 4 else "aws"
    return passed(name, f"account {case.account}, region {case.region}, as {arn.rpartition(':')[2]}")


def check_endpoint(case: Case) -> Iterator[Check]:
    """Find the endpoint among those of the account (G7), and look at its domain configuration."""
    name = "endpoint"
    host = case.host
    if host is None:
        given = case.setup.endpoint is not None
        yield skipped(name, "an address is no endpoint's name" if given else "no endpoint was given")
        return
    answer = case.ask("iot", "describe_endpoint", endpointType="iot:Data-ATS")
    if isinstance(answer, Refused):
        case.over = answer.ends_all
        yield skipped(name, answer.why)
        return
    own = answer.get("endpointAddress", "")
    if _same(host, own):
        yield passed(name, f"{host} is the account's own (iot:Data-ATS)")
        return
    yield from _of_another_type(case, host, own)


def _of_another_type(case: Case, host: str, own: str) -> Iterator[Check]:
    name = "endpoint"
    old = case.ask("iot", "describe_endpoint", endpointType=_OLD)
    if not isinstance(old, Refused) and _same(host, old.get("endpointAddress", "")):
        evidence = f"{host} is the old endpoint {_OLD}, whose certificate few trust any more; today's is {own}"
        yield warned(name, evidence, case.finding("endpoint-not-data", Certainty.POSSIBLE, evidence, endpoint=own))
        return
    for kind, what in _OTHERS.items():
        # The name says what it may be; only then it is worth another request.
        if f".{what.split()[-1] if kind == 'iot:Jobs' else 'credentials'}.iot." in host.lower():
            other = case.ask("iot", "describe_endpoint", endpointType=kind)
            if not isinstance(other, Refused) and _same(host, other.get("endpointAddress", "")):
                case.over = True
                evidence = f"{host} is the account's endpoint for {what} ({kind}); devices connect to {own}"
                yield stopped(name, case.finding("endpoint-not-data", Certainty.CERTAIN, evidence, endpoint=own))
                return
    configuration = _configuration_of(case, host)
    if isinstance(configuration, Refused):
        yield skipped(name, f"{host} is not {own}; whether a domain configuration serves it: {configuration.why}")
    elif configuration is None:
        yield _of_another_account(case, host, own)
    else:
        yield from _configured(case, host, configuration)


def _of_another_account(case: Case, host: str, own: str) -> Check:
    """Say that the endpoint is a stranger's, or the AWS credentials are."""
    case.over = True
    where = f"account {case.account} in {case.region}" if case.account else f"this account in {case.region}"
    evidence = f"{host} is no endpoint of {where}, whose own is {own}"
    if case.probe_connected:
        return warned("endpoint", f"{evidence}: these AWS credentials are of another account; give --aws-profile")
    named = case.named
    found = describe(case, named) if named else None
    certainty = Certainty.LIKELY if isinstance(found, Authorizer) else Certainty.POSSIBLE
    if isinstance(found, Authorizer):
        evidence += f"; authorizer {named} is of this account"
    return stopped(
        "endpoint",
        case.finding("endpoint-of-another-account", certainty, evidence, endpoint=own),
        detail=f"{evidence}. Are these AWS credentials of the right account and region?",
    )


def _configuration_of(case: Case, host: str) -> Mapping[str, Any] | Refused | None:
    """Return the domain configuration that serves a name; None where none does."""
    names: list[str] = []
    marker: dict[str, str] = {}
    while len(names) < _MOST_CONFIGURATIONS:
        page = case.ask("iot", "list_domain_configurations", **marker)
        if isinstance(page, Refused):
            return page
        names += [each["domainConfigurationName"] for each in page.get("domainConfigurations", [])]
        if not page.get("nextMarker"):
            break
        marker = {"marker": page["nextMarker"]}
    denied: Refused | None = None
    for name in names[:_MOST_CONFIGURATIONS]:
        found = case.ask("iot", "describe_domain_configuration", domainConfigurationName=name)
        if isinstance(found, Refused):
            denied = found
        elif _same(host, found.get("domainName", "")):
            return found
    return denied


def _configured(case: Case, host: str, found: Mapping[str, Any]) -> Iterator[Check]:
    case.domain = found.get("domainConfigurationName")
    authorizers = found.get("authorizerConfig") or {}
    case.default_authorizer = authorizers.get("defaultAuthorizerName")
    case.may_override = authorizers.get("allowAuthorizerOverride", True)
    case.wants_certificate = found.get("authenticationType") == "CUSTOM_AUTH_X509"
    yield passed("endpoint", f"{host} is of domain configuration {case.domain}")
    yield _check_configuration(case, found)
    yield from _check_override(case)


def _check_configuration(case: Case, found: Mapping[str, Any]) -> Check:
    """Look at status, type and protocol (A53-A55, A61, A63)."""
    name, domain = "domain configuration", case.domain
    service = found.get("serviceType", "DATA")
    if service != "DATA":
        evidence = f"domain configuration {domain} is of the service type {service}, not DATA"
        return stopped(name, case.finding("endpoint-not-data", Certainty.CERTAIN, evidence))
    if found.get("domainConfigurationStatus") == "DISABLED":
        return stopped(
            name, case.finding("domain-disabled", Certainty.CERTAIN, f"domain configuration {domain} is DISABLED")
        )
    kind = found.get("authenticationType", "DEFAULT")
    protocol = found.get("applicationProtocol", "DEFAULT")
    what = f"domain configuration {domain} is for {kind} over {protocol}"
    endpoint = case.setup.endpoint
    wss = endpoint is not None and endpoint.transport is Transport.WSS
    spoken = "MQTT_WSS" if wss else "SECURE_MQTT"
    if kind in ("AWS_X509", "AWS_SIGV4"):
        evidence = f"{what}: it asks no custom authorizer"
        finding = case.finding("domain-wrong-type", Certainty.CERTAIN, evidence, application_protocol=spoken)
        return stopped(name, finding)
    if protocol not in ("DEFAULT", spoken):
        evidence = f"{what}, and this device speaks {spoken}"
        finding = case.finding("domain-wrong-type", Certainty.CERTAIN, evidence, application_protocol=spoken)
        return stopped(name, finding)
    if case.wants_certificate and (endpoint is None or endpoint.client_certificate is None):
        evidence = f"{what}: it wants a client certificate beside the credentials, and none is given"
        return stopped(name, case.finding("client-certificate-needed", Certainty.CERTAIN, evidence))
    return passed(name, what)


def _check_override(case: Case) -> Iterator[Check]:
    """Say whom the configuration lets choose the authorizer (A58, A59)."""
    named, default = case.named, case.default_authorizer
    if default is None or named is None or named == default or case.may_override:
        return
    evidence = (
        f"domain configuration {case.domain} does not let devices name an authorizer: "
        f"{default} is asked, and not {case.masking.name(named)}"
    )
    certainty = Certainty.CERTAIN if case.probe_connected is False else Certainty.LIKELY
    finding = case.finding("override-not-allowed", certainty, evidence, default=default)
    yield stopped("authorizer override", finding)


def _same(host: str, name: str) -> bool:
    return host.lower().rstrip(".") == name.lower().rstrip(".")
