"""What is to be said beside the verdict: what is ruled out, what was not looked at, what would tell more."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from customauth.doctor.finding import Certainty, Check, Outcome, Stage
from customauth.doctor.probe.result import ProbeResult, Reached
from customauth.doctor.setup import Origin, Setup
from customauth.doctor.verdict import Judgement, Remark, Verdict
from customauth.endpoint import Transport
from customauth.mqtt.protocol import MqttVersion

_NO_GUESSES = frozenset({"jwt-expired", "jwt-not-yet-valid", "private-key-given"})
_MORE_OF_THE_DEVICE = {
    Origin.FLAGS: "examine what the device sends itself: --from-username-file or --capture",
    Origin.USERNAME: "examine the whole CONNECT that the device sends: --capture",
    Origin.CAPTURE: "compare the device's TLS with this one: server name (SNI), ALPN, CA, clock",
}
_ORDER = {Stage.AWS: 0, Stage.PROBE: 1, Stage.LINT: 2}
_STAGES = {
    Stage.LINT: "as far as can be seen without network",
    Stage.PROBE: "by connecting",
    Stage.AWS: "by asking AWS",
}


def ruled_out(setup: Setup, checks: Iterable[Check], probe: ProbeResult | None) -> list[str]:
    """Say in a line for each stage what was found in order, and what was mended in vain."""
    passed: dict[Stage, list[str]] = {stage: [] for stage in _STAGES}
    for check in checks:
        if check.outcome is Outcome.PASSED and check.stage is not Stage.PROBE:
            passed[check.stage].append(check.name)
    if probe is not None:
        # Beside the device's own way the probe goes others, which rule out nothing.
        passed[Stage.PROBE] = [name for step, name in _way(setup) if probe.reached >= step]
    lines = [
        f"in order {_STAGES[stage]}: {', '.join(dict.fromkeys(names))}" for stage, names in passed.items() if names
    ]
    in_vain = [] if probe is None else [each.how for each in probe.mends if each.accepted is False]
    return [*lines, *([f"refused all the same: with {', with '.join(in_vain)}"] if in_vain else [])]


def _way(setup: Setup) -> Iterator[tuple[Reached, str]]:
    """List the steps of the device's own way."""
    yield Reached.NAME, "name"
    yield Reached.TCP, "TCP"
    if setup.endpoint is not None and setup.endpoint.proxy is not None:
        yield Reached.PROXY, "proxy"
    yield Reached.TLS, "TLS"
    if setup.endpoint is not None and setup.endpoint.transport is Transport.WSS:
        yield Reached.UPGRADE, "WebSocket"
    yield Reached.CONNECTED, "CONNECT"


def not_looked_at(checks: Iterable[Check]) -> list[str]:
    """Say why checks were skipped, those with one reason in one line, what matters most first."""
    skipped = [check for check in checks if check.outcome is Outcome.SKIPPED]
    names: dict[str, list[str]] = {}
    for check in sorted(skipped, key=lambda each: _ORDER[each.stage]):
        names.setdefault(check.detail, []).append(check.name)
    return [f"{', '.join(dict.fromkeys(named))}: {why}" for why, named in names.items()]


def would_tell(setup: Setup, checks: Sequence[Check]) -> list[str]:
    """Say what would tell more about a failure that nothing explains, the most telling first."""
    return list(_hints(setup, checks))


def next_step(setup: Setup, checks: Sequence[Check], verdict: Verdict) -> str:
    """Return what to do now, in one line."""
    if verdict.cause is not None:
        cause = verdict.cause
        above = " (the line above)" if cause.rule.command else " (the settings above)" if cause.rule.settings else ""
        return f"{cause.rule.advice(cause.facts)}{above}"
    if verdict.judgement is Judgement.CANNOT_TELL:
        return next(_hints(setup, checks))
    if verdict.failed is None:
        return "nothing to mend here; have the connection tried: customauth doctor with the same options and ENDPOINT"
    if any(check.name.startswith("PUBLISH ") and "--publish-for-real" in check.detail for check in checks):
        return "nothing to mend so far; have the publish tried too, with an empty message: --publish-for-real"
    if setup.origin is not Origin.FLAGS:
        return (
            "nothing to mend; if the device still fails, compare its TLS with this: server name (SNI), ALPN, CA, clock"
        )
    return "nothing to mend; if the device still fails, give what it sends itself: --from-username-file or --capture"


def worth_saying(verdict: Verdict) -> list[Remark]:
    """Leave out guesses that something stronger has spoken against; what a clock or a file says is no guess."""
    return [
        remark
        for remark in verdict.remarks
        if not remark.why_not
        or remark.suspect.certainty is Certainty.CERTAIN
        or remark.suspect.key in _NO_GUESSES
        or verdict.failed is None
    ]


def is_local(host: str) -> bool:
    """Say whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _hints(setup: Setup, checks: Sequence[Check]) -> Iterator[str]:
    endpoint = setup.endpoint
    if endpoint is not None and is_local(endpoint.dial_target()[0]):
        yield "read what the local gateway has printed: its line for this connection says why it refused, and the mend"
    if endpoint is None or not is_local(endpoint.host):
        yield from _from_aws(checks)
    if setup.parts.signature and not setup.public_keys:
        yield "have the signature verified here: --public-key FILE, the key that the authorizer has"
    if setup.version is MqttVersion.V311:
        yield "connect with MQTT 5 (-V 5): only there the server says that it refused"
    yield _MORE_OF_THE_DEVICE[setup.origin]


def _from_aws(checks: Sequence[Check]) -> Iterator[str]:
    asked = [check for check in checks if check.stage is Stage.AWS]
    if all(check.outcome is Outcome.SKIPPED for check in asked):
        why = "" if not asked or asked[0].detail.startswith("--") else f" ({asked[0].detail})"
        yield f"let AWS be asked what it knows of the authorizer: give credentials with --aws-profile NAME{why}"
    elif unanswered := [check.name for check in asked if check.outcome is Outcome.SKIPPED]:
        yield f"let AWS answer what it did not, which may hold the cause: {', '.join(unanswered)}"
    facts = _facts(checks)
    region = f" --region {facts['region']}" if "region" in facts else ""
    function = facts.get("function", "FUNCTION").rpartition(":")[2]
    yield f"read what the function said: aws logs tail /aws/lambda/{function} --since 15m{region}"
    log = f"aws logs tail AWSIotLogsV2 --since 15m{region}"
    yield f"read what AWS IoT said, where Connection.AuthNError is logged with the reason: {log}"


def _facts(checks: Iterable[Check]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for check in checks:
        for finding in check.findings:
            facts |= finding.facts
    return facts
