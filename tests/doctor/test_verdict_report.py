"""What is said beside the verdict: what was in order, what was not looked at, what would tell, and what to do next."""

from __future__ import annotations

import pytest

from customauth.doctor.finding import Check, Outcome, Stage
from customauth.doctor.probe.result import MendTried, ProbeResult, Reached
from customauth.doctor.report import is_local, next_step, not_looked_at, ruled_out, worth_saying, would_tell
from customauth.doctor.setup import Origin, Parts, Setup
from customauth.doctor.showing import shown, summary
from customauth.doctor.suspects import suspects
from customauth.doctor.verdict import judge
from customauth.endpoint import Endpoint
from customauth.mqtt.protocol import MqttVersion
from findings import accepted, asked, certain, check, likely, lint, possible, refused, seen

AWAY = Setup(endpoint=Endpoint(host="iot.example.com"))
HERE = Setup(endpoint=Endpoint(host="localhost"))
REFUSED = seen(possible("not-authorized"))


def _skipped(stage: Stage, name: str, why: str) -> Check:
    return Check(stage=stage, name=name, outcome=Outcome.SKIPPED, detail=why)


def test_what_passed_is_in_order_and_the_probes_other_ways_are_not() -> None:
    made = [
        check(Stage.LINT, name="port"),
        check(Stage.PROBE, name="TLS without SNI"),
        check(Stage.AWS, name="function"),
    ]
    assert ruled_out(AWAY, made, ProbeResult(reached=Reached.TLS)) == [
        "in order as far as can be seen without network: port",
        "in order by connecting: name, TCP, TLS",
        "in order by asking AWS: function",
    ]


def test_a_websocket_is_a_step_of_its_own() -> None:
    setup = Setup(endpoint=Endpoint.parse("wss://iot.example.com", proxy="http://proxy.example.com:3128"))
    assert ruled_out(setup, [], accepted()) == ["in order by connecting: name, TCP, proxy, TLS, WebSocket, CONNECT"]
    assert ruled_out(setup, [], None) == []


def test_what_was_mended_in_vain_is_told_beside_what_is_in_order() -> None:
    tried = [
        MendTried(rules=("signature-unencoded",), how="the signature percent-encoded", accepted=False),
        MendTried(rules=("password-encoding",), how="the password decoded from base64", accepted=None),
    ]
    assert ruled_out(AWAY, [], ProbeResult(reached=Reached.NAME, mends=tried)) == [
        "in order by connecting: name",
        "refused all the same: with the signature percent-encoded",
    ]


def test_checks_skipped_for_one_reason_are_told_in_one_line_and_those_of_aws_first() -> None:
    made = [
        _skipped(Stage.LINT, "a", "no token"),
        _skipped(Stage.LINT, "b", "no token"),
        _skipped(Stage.AWS, "c", "denied"),
    ]
    assert not_looked_at(made) == ["c: denied", "a, b: no token"]


def test_where_aws_was_not_asked_asking_it_would_tell() -> None:
    made = [REFUSED, _skipped(Stage.AWS, "AWS", "nothing was asked: no credentials")]
    first = would_tell(AWAY, made)[0]
    assert "--aws-profile" in first
    assert "no credentials" in first
    assert next_step(AWAY, made, judge(AWAY, made, refused())) == first


def test_what_aws_did_not_answer_would_tell() -> None:
    made = [REFUSED, asked(), _skipped(Stage.AWS, "permission to invoke", "lambda:GetPolicy is denied")]
    assert "permission to invoke" in would_tell(AWAY, made)[0]


def test_the_functions_log_is_named_where_the_function_is_known() -> None:
    made = [REFUSED, asked(certain("function-slow", function="pumps", region="eu-west-1"))]
    assert any(
        "aws logs tail /aws/lambda/pumps --since 15m --region eu-west-1" in line for line in would_tell(AWAY, made)
    )


def test_a_local_gateway_tells_more_than_aws() -> None:
    lines = would_tell(HERE, [REFUSED])
    assert "gateway" in lines[0]
    assert not any("aws" in line for line in lines)


def test_a_signature_that_was_not_verified_and_an_older_version_would_tell() -> None:
    setup = Setup(endpoint=AWAY.endpoint, parts=Parts(signature="s"), version=MqttVersion.V311)
    lines = "\n".join(would_tell(setup, [REFUSED]))
    assert "--public-key" in lines
    assert "-V 5" in lines


def test_the_next_step_of_a_cause_is_its_mend() -> None:
    made = [asked(certain("authorizer-inactive", authorizer="pumps"))]
    verdict = judge(AWAY, made)
    assert verdict.cause is not None
    assert next_step(AWAY, made, verdict) == f"{verdict.cause.rule.advice(verdict.cause.facts)} (the line above)"


def test_the_next_step_of_what_was_not_tried_is_to_try_it() -> None:
    assert "ENDPOINT" in next_step(AWAY, [], judge(AWAY, []))
    assert "nothing to mend" in next_step(AWAY, [], judge(AWAY, [], accepted()))


@pytest.mark.parametrize("origin", [Origin.CAPTURE, Origin.USERNAME])
def test_who_gave_what_the_device_sends_is_not_asked_for_it_again(origin: Origin) -> None:
    setup = Setup(endpoint=Endpoint(host="iot.example.com"), origin=origin)
    step = next_step(setup, [], judge(setup, [], accepted()))
    assert "SNI" in step
    assert "--capture" not in step


@pytest.mark.parametrize(("origin", "last"), [(Origin.USERNAME, "--capture"), (Origin.CAPTURE, "clock")])
def test_what_would_tell_is_not_what_was_given_already(origin: Origin, last: str) -> None:
    hints = would_tell(Setup(endpoint=Endpoint(host="iot.example.com"), origin=origin), [REFUSED])
    assert hints[-1].endswith(last)
    assert not any("--from-username-file" in hint for hint in hints)


def test_a_publish_that_was_asked_for_and_not_tried_is_the_next_step() -> None:
    made = [_skipped(Stage.PROBE, "PUBLISH a/b", "a publish has effects; ask for it with --publish-for-real")]
    assert next_step(AWAY, made, judge(AWAY, made, accepted())).endswith("--publish-for-real")


@pytest.mark.parametrize("rule", ["jwt-expired", "jwt-not-yet-valid", "private-key-given"])
def test_what_is_no_guess_is_worth_saying_though_the_server_lets_it_pass(rule: str) -> None:
    [remark] = worth_saying(judge(AWAY, [lint(likely(rule))], accepted()))
    assert remark.suspect.key == rule


def test_a_guess_that_the_server_has_refuted_is_not_worth_saying_but_what_was_certain_is() -> None:
    made = [lint(possible("password-encoding"), certain("will-qos2"), certain("keep-alive-out-of-range"))]
    kept = {remark.suspect.key for remark in worth_saying(judge(AWAY, made, accepted()))}
    assert kept == {"will-qos2", "keep-alive-out-of-range"}
    untried = {remark.suspect.key for remark in worth_saying(judge(AWAY, [lint(possible("password-encoding"))]))}
    assert untried == {"password-encoding"}


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.9", True), ("::1", True), ("iot.example.com", False)],
)
def test_this_machine_is_known_by_name_and_address(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_an_authorizers_name_that_may_hold_a_signature_is_not_shown() -> None:
    garbled = Parts(authorizer="pumps;x-amz-customauthorizer-signature=QUJD", token_key_name="a-piece-of-a-token")
    setup = Setup(origin=Origin.USERNAME, parts=garbled, user="alice,token=x")
    said = f"{shown(setup)} {summary(setup)}"
    assert "QUJD" not in said
    assert "piece" not in said
    assert "token=x" not in said
    facts = suspects(setup, [lint(certain("parameters-not-joined"))])[0].facts
    assert set(facts) == set()
    plain = Setup(origin=Origin.USERNAME, parts=Parts(authorizer="pumps"), expected_token_key_name="token")
    assert (shown(plain)["authorizer"], shown(plain)["token_key_name"]) == ("pumps", "token")
