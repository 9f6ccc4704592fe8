"""What a client sees, and what the function sees, of every way in which a CONNECT can end."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen

from aloop import put_forward, run
from customauth.gateway import Grant, Reason, Refusal
from customauth.mqtt import Connack, Connect, MqttVersion, Will
from customauth.signing import sign
from gateways import ALLOW, TOKEN, Keys, StartGateway, allow, connect, named, signed

# F1: fixed header, session present 0, 0x87, one property (Reason String) whose text ends in a UUID.
REFUSAL = re.compile(
    rb"\x20\x6d\x00\x87\x6a\x1f\x00\x67"
    rb"CONNACK:Client is not authenticated/authorized to send the message:"
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
MAY_CONNECT = allow("client/device")


def changed(**changes: Any) -> dict[str, Any]:
    """Return the accepting answer with changes; None takes a member away."""
    return {name: value for name, value in (ALLOW | changes).items() if value is not None}


@frozen(kw_only=True)
class Case:
    """An answer of the function that refuses the client."""

    reason: Reason
    answer: object = None
    function: str | None = None


FAILED = Reason.FUNCTION_FAILED
ANSWERS = {
    "not authenticated": Case(answer=changed(isAuthenticated=False), reason=Reason.NOT_AUTHENTICATED),
    "empty policies": Case(answer=changed(policyDocuments=[]), reason=Reason.POLICY),
    "another client id": Case(answer=changed(policyDocuments=[allow("client/other")]), reason=Reason.POLICY),
    "no iot:Connect": Case(answer=changed(policyDocuments=[allow("*", action="iot:Publish")]), reason=Reason.POLICY),
    "a deny beside the allow": Case(
        answer=changed(policyDocuments=[allow("*"), allow("client/device", effect="Deny")]), reason=Reason.POLICY
    ),
    "nothing": Case(answer=None, reason=FAILED),
    "a list": Case(answer=[], reason=FAILED),
    "a text that is not JSON": Case(answer="yes", reason=FAILED),
    "isAuthenticated is missing": Case(answer=changed(isAuthenticated=None), reason=FAILED),
    "isAuthenticated is a text": Case(answer=changed(isAuthenticated="true"), reason=FAILED),
    "principalId is missing": Case(answer=changed(principalId=None), reason=FAILED),
    "principalId is malformed": Case(answer=changed(principalId="no-hyphen"), reason=FAILED),
    "principalId is too long": Case(answer=changed(principalId="p" * 129), reason=FAILED),
    "policyDocuments is missing": Case(answer=changed(policyDocuments=None), reason=FAILED),
    "eleven documents": Case(answer=changed(policyDocuments=[MAY_CONNECT] * 11), reason=FAILED),
    "a document too long": Case(answer=changed(policyDocuments=[json.dumps(MAY_CONNECT).ljust(2049)]), reason=FAILED),
    "a malformed document": Case(answer=changed(policyDocuments=[{"Version": "2012-10-17"}]), reason=FAILED),
    "refresh too early": Case(answer=changed(refreshAfterInSeconds=299), reason=FAILED),
    "refresh too late": Case(answer=changed(refreshAfterInSeconds=86401), reason=FAILED),
    "disconnect too early": Case(answer=changed(disconnectAfterInSeconds=299), reason=FAILED),
    "disconnect too late": Case(answer=changed(disconnectAfterInSeconds=86401), reason=FAILED),
    "invalid though it refuses": Case(answer=changed(isAuthenticated=False, principalId=None), reason=FAILED),
    "it raises": Case(function="def handler(event, context):\n    raise RuntimeError", reason=FAILED),
    "it ends its process": Case(function="import os\ndef handler(event, context):\n    os._exit(3)", reason=FAILED),
    "it returns no JSON": Case(function="def handler(event, context):\n    return object()", reason=FAILED),
    "it cannot be imported": Case(function="import no_such_module", reason=FAILED),
    "it does not exist": Case(function="def other(event, context): ...", reason=FAILED),
}


def usernames_refused_unasked(keys: Keys) -> dict[str, tuple[str | None, Reason]]:
    """Return the user names that are refused before any function is asked."""
    invalid, not_found = Reason.PARAMETER_INVALID, Reason.NOT_FOUND
    good = signed(keys.old)
    signature = sign(TOKEN, keys.old.private_pem)
    return {
        "unknown authorizer": (named("nobody"), not_found),
        "name in another case": (named("OPEN"), not_found),
        "INACTIVE authorizer": (named("asleep"), not_found),
        "no name and no default": ("alice", not_found),
        "no credentials": (None, not_found),
        "empty name": (named(""), not_found),
        "name before the last question mark": (f"{named('open')}?Version=1", not_found),
        "signature of another token": (signed(keys.old, sent=f"{TOKEN}x"), invalid),
        "signature by an unknown key": (signed(keys.stranger), invalid),
        "no signature": (f"{named('signed')}&token={TOKEN}", invalid),
        "no token": (f"{named('signed')}&x-amz-customauthorizer-signature={signature}", invalid),
        "neither token nor signature": (named("signed"), invalid),
        "empty token": (signed(keys.old, token=""), invalid),
        "token key name in another case": (good.replace("&token=", "&Token="), invalid),
        "signature that is no base64": (good.replace("signature=", "signature=*"), invalid),
        "signature encoded twice": (good.replace("%", "%25"), invalid),
        "token encoded twice": (signed(keys.old, token="a b", sent="a%2520b"), invalid),
        "plus in place of a space": (signed(keys.old, token="a b", sent="a+b"), invalid),
        "token over 6144 characters": (signed(keys.old, token="t" * 6145), invalid),
        "signature over 2560 characters": (good.replace("signature=", f"signature={'A' * 2560}"), invalid),
        "wrong token first": (good.replace("&token=", "&token=x&token="), invalid),
        "wrong signature first": (good.replace("?", "?x-amz-customauthorizer-signature=AAAA&"), invalid),
        "wrong name first": (good.replace("?", "?x-amz-customauthorizer-name=nobody&"), not_found),
    }


@pytest.mark.fact("F1", "F2", "F3", "F4", "F13", "C19", "C20", "C21", "C22", "D9", "B20")
@pytest.mark.parametrize("case", ANSWERS.values(), ids=list(ANSWERS))
def test_what_the_function_refuses_gets_the_refusal_of_its_version(case: Case, start_gateway: StartGateway) -> None:
    async def main() -> None:
        how = {} if case.function is None else {"function": case.function}
        async with start_gateway(answer=case.answer, **how) as running:
            v5 = await running.outcome(connect(named("open")))
            v311 = await running.outcome(connect(named("open"), version=MqttVersion.V311))
            assert (len(v5), v311) == (111, b"")
            assert REFUSAL.fullmatch(v5)
            assert reasons(running.decisions) == [case.reason] * 2
            assert len(running.events()) == (0 if case.function else 2)

    run(main())


@pytest.mark.fact(
    "F1", "F2", "F3", "F8", "A5", "A14", "A15", "A16", "A17", "A21", "A22", "B9", "B20", "C35", "I1", "I2"
)
def test_what_is_refused_before_the_function_runs_never_invokes_it(keys: Keys, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            for what, (username, reason) in usernames_refused_unasked(keys).items():
                v5 = await running.outcome(connect(username))
                v311 = await running.outcome(connect(username, version=MqttVersion.V311))
                assert REFUSAL.fullmatch(v5), what
                assert v311 == b"", what
                assert reasons(running.decisions[-2:]) == [reason] * 2, what
            assert running.events() == []

    run(main())


@pytest.mark.fact("F1", "E16")
def test_every_refusal_has_a_trace_id_of_its_own(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            first, second = [await running.outcome(connect(named("nobody"))) for _ in range(2)]
            assert first != second

    run(main())


@pytest.mark.fact("C24", "F11", "F1", "F3")
@pytest.mark.parametrize("version", list(MqttVersion), ids=lambda version: version.label)
def test_a_function_that_takes_over_5_seconds_refuses(version: MqttVersion, start_gateway: StartGateway) -> None:
    source = "import time\ndef handler(event, context):\n    open('started', 'w').close()\n    time.sleep(3600)"

    async def main() -> None:
        async with start_gateway(function=source) as running, running.client() as client:
            await client.send_packet(connect(named("open"), version=version))
            await until((running.folder / "started").exists)
            put_forward(4.0)
            # Another client comes and goes meanwhile, so the loop has seen every timer that is due.
            await running.outcome(connect(named("nobody")))
            assert reasons(running.decisions) == [Reason.NOT_FOUND]
            put_forward(1.0)
            sent = await client.rest()
            assert REFUSAL.fullmatch(sent) if version is MqttVersion.V5 else sent == b""
            assert "did not answer within 5 s" in running.lines()[1]
            assert running.lines()[1].endswith(
                "; fix: make the function faster: it must answer within 5 s, and load within 10 s"
            )

    run(main())


@pytest.mark.fact("B19", "B17", "A6", "A8", "A60")
def test_a_token_signed_with_either_key_is_accepted(keys: Keys, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as running:
            for pair, name in ((keys.old, "old"), (keys.new, "new")):
                assert await accepted(running.client, connect(signed(pair)))
                assert f"signature verified with {name}" in running.lines()[-1]

    run(main())


@pytest.mark.fact("A4", "A22", "A60")
def test_the_default_authorizer_decides_where_none_is_named(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(settings='default_authorizer = "open"') as running:
            for username in (None, "", "alice", "?", "alice?", "?SDK=PythonV2", named("")):
                assert await accepted(running.client, connect(username)), username
                assert outcome_of(running.decisions[-1]).authorizer == "open"
            assert REFUSAL.fullmatch(await running.outcome(connect(named("nobody"))))

    run(main())


@pytest.mark.fact("C16", "C17", "C18", "J6")
@pytest.mark.parametrize(
    "answer",
    [
        changed(refreshAfterInSeconds=300, disconnectAfterInSeconds=300),
        changed(refreshAfterInSeconds=86400, disconnectAfterInSeconds=86400),
        changed(context={}, password="unknown"),
        changed(policyDocuments=[json.dumps(allow("client/device"))]),
        changed(policyDocuments=[MAY_CONNECT] * 10),
        json.dumps(changed()),
        changed(policyDocuments=[{"Version": "2012-10-17", "Statement": allow("client/device")["Statement"][0]}]),
        changed(policyDocuments=[allow("client/${iot:ClientId}")]),
    ],
    ids=["bounds low", "bounds high", "unknown keys", "text", "ten", "JSON in a text", "one statement", "variable"],
)
def test_a_valid_answer_is_accepted_in_every_form(answer: object, start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(answer=answer) as running:
            for version in MqttVersion:
                assert await accepted(running.client, connect(named("open"), version=version))

    run(main())


@pytest.mark.fact("D21", "D8", "F13")
def test_a_will_needs_the_right_to_publish_it(start_gateway: StartGateway) -> None:
    may_publish = allow("topic/alarm", action="iot:Publish")
    may_retain = allow("topic/alarm", action="iot:RetainPublish")
    alarm, kept = Will(topic="alarm", payload=b"!"), Will(topic="alarm", payload=b"!", retain=True)

    async def main() -> None:
        async with start_gateway() as running:

            async def lets_in(will: Will, *policies: object) -> bool:
                running.answer(changed(policyDocuments=policies))
                return await accepted(running.client, connect(named("open"), will=will))

            assert not await lets_in(alarm, MAY_CONNECT)
            assert "iot:Publish" in running.lines()[-1]
            assert await lets_in(alarm, MAY_CONNECT, may_publish)
            assert not await lets_in(Will(topic="other", payload=b""), MAY_CONNECT, may_publish)
            assert not await lets_in(kept, MAY_CONNECT, may_publish)
            assert "iot:RetainPublish" in running.lines()[-1]
            assert await lets_in(kept, MAY_CONNECT, may_publish, may_retain)
            assert not await lets_in(alarm, may_publish)

    run(main())


def test_200_clients_at_once_are_all_answered(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(answer=changed(policyDocuments=[allow("client/even-*")])) as running:
            names = [f"{'odd' if number % 2 else 'even'}-{number}" for number in range(200)]
            results = await asyncio.gather(
                *(accepted(running.client, connect(named("open"), client_id=name)) for name in names)
            )
            assert results == [name.startswith("even") for name in names]
            assert len(running.decisions) == len(running.events()) == 200

    run(main())


def reasons(decisions: list[Any]) -> list[Reason | None]:
    return [item.outcome.reason if isinstance(item.outcome, Refusal) else None for item in decisions]


def outcome_of(decision: Any) -> Grant:
    assert isinstance(decision.outcome, Grant)
    return decision.outcome


async def accepted(open_client: Callable[[], Any], packet: Connect) -> bool:
    async with open_client() as client:
        connack = await client.connect(packet)
        assert connack is None or isinstance(connack, Connack)
        return connack is not None and connack.reason_code == 0


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - another process makes it true
        await asyncio.sleep(0.01)
