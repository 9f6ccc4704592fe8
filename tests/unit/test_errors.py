"""The tree of errors, and what each says to the person who reads it."""

from __future__ import annotations

import inspect
import re

import pytest

import customauth
from customauth import (
    BackendError,
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    ConnectionRefused,
    ConnectTimeout,
    CredentialError,
    CustomAuthError,
    DialError,
    Disconnected,
    EndpointError,
    NameNotResolved,
    PublishRefused,
    SessionEnded,
    Stage,
    SubscribeRefused,
    TlsFailed,
    TlsReason,
    errors,
)
from customauth.rules import RULES

CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == errors.__name__
]


def drawn_tree() -> dict[str, tuple[str, ...]]:
    """Return each class of the drawing with its parents: the one drawn above it, then those in parentheses."""
    parents: dict[str, tuple[str, ...]] = {}
    path: list[str] = []
    for branch, name, others in re.findall(r"^ {4}([ │├└─]*)(\w+)(?: \((\w+)\))?", errors.__doc__ or "", re.MULTILINE):
        depth = len(branch) // 4
        path[depth:] = [name]
        parents[name] = (path[depth - 1] if depth else "Exception", *filter(None, [others]))
    return parents


def test_the_tree_drawn_at_the_top_of_the_file_is_the_tree() -> None:
    assert drawn_tree() == {error.__name__: tuple(base.__name__ for base in error.__bases__) for error in CLASSES}


def test_every_error_is_public() -> None:
    assert {error.__name__ for error in CLASSES} <= set(customauth.__all__)


def test_one_class_catches_them_all() -> None:
    assert all(issubclass(error, CustomAuthError) for error in CLASSES)


def test_errors_are_also_what_python_calls_them() -> None:
    assert issubclass(CredentialError, ValueError)
    assert issubclass(EndpointError, ValueError)
    assert issubclass(ConnectTimeout, TimeoutError)


def test_nothing_was_dialled_when_it_is_no_connect_error() -> None:
    assert not any(issubclass(error, ConnectError) for error in (BackendError, CredentialError, EndpointError))


ATTEMPTS = {
    "the name": (NameNotResolved("x has no address"), Stage.NAME, True),
    "TCP": (ConnectionRefused("no TCP connection"), Stage.TCP, True),
    "the CA": (TlsFailed(TlsReason.UNTRUSTED_CA), Stage.TLS, False),
    "ALPN": (TlsFailed(TlsReason.ALPN_REFUSED), Stage.TLS, False),
    "a closed connection": (ClosedBeforeConnack(), Stage.CONNACK, False),
    "a refusal": (ConnackRefused(0x87), Stage.CONNACK, False),
    "a busy server": (ConnackRefused(0x89), Stage.CONNACK, True),
    "a silent network": (ConnectTimeout(2.5, Stage.TCP), Stage.TCP, True),
    "anything else": (ConnectError("?"), Stage.CONNACK, True),
}


@pytest.mark.parametrize(("error", "stage", "retryable"), ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_a_failed_attempt_says_how_far_it_came_and_whether_to_try_again(
    error: ConnectError, stage: Stage, retryable: bool
) -> None:
    assert error.stage is stage
    assert error.retryable is retryable


def test_stage_retryable_and_hint_can_be_told_where_the_class_does_not_know() -> None:
    error = DialError("broken", stage=Stage.TLS, retryable=False, hint="mend it")
    assert (error.stage, error.retryable, error.hint) == (Stage.TLS, False, "mend it")
    assert DialError("broken").hint == RULES["tcp-unreachable"].fix()


def test_a_hint_is_the_cure_of_the_error_s_rule_until_another_is_told() -> None:
    error = ConnackRefused(0x97)
    assert error.rule == "connect-too-often"
    assert error.hint == RULES["connect-too-often"].fix()
    error.hint = "wait"
    assert (error.hint, error.rule) == ("wait", None)


def test_a_hint_knows_the_region_of_an_endpoint_of_aws() -> None:
    error = NameNotResolved("no address")
    assert "--region" not in error.hint
    error.endpoint = "abc-ats.iot.eu-west-1.amazonaws.com:443"
    assert error.hint.endswith(" --endpoint-type iot:Data-ATS --region eu-west-1")
    error.endpoint = "wss://abc.ats.iot.cn-north-1.amazonaws.com.cn:443/mqtt"
    assert error.hint.endswith(" --region cn-north-1")


def test_a_refused_request_names_its_topic_or_filter_in_the_cure() -> None:
    assert 'topic/a/b"' in PublishRefused(0x87, subject="a/b").hint
    assert 'topicfilter/a/#"' in SubscribeRefused(0x87, subject="a/#").hint
    assert SubscribeRefused(0x97).rule == "too-many-subscriptions"
    assert PublishRefused(0x97).rule == "quota-exceeded"
    assert PublishRefused(0x83).rule is None
    assert PublishRefused(0x83).hint


def test_an_error_told_in_another_place_keeps_rule_and_hint() -> None:
    silent = Disconnected()
    assert (silent.again().rule, silent.again().hint) == ("closed-without-word", silent.hint)
    silent.hint = "look"
    assert (silent.again().rule, silent.again().hint) == (None, "look")
    taken_over = SessionEnded(Disconnected(0x8E))
    assert (taken_over.rule, taken_over.hint) == ("session-taken-over", Disconnected(0x8E).hint)
    assert SessionEnded().rule is None
    assert SessionEnded().hint


@pytest.mark.parametrize("code", range(256))
def test_every_code_that_is_known_names_a_rule_that_exists(code: int) -> None:
    for error in (ConnackRefused(code), Disconnected(code), PublishRefused(code), SubscribeRefused(code)):
        assert error.rule is None or error.rule in RULES
        assert error.hint


@pytest.mark.parametrize("reason", list(TlsReason))
def test_every_tls_reason_has_a_next_step(reason: TlsReason) -> None:
    error = TlsFailed(reason, "verify failed")
    assert error.reason is reason
    assert str(error) == f"{reason.value}: verify failed"
    assert error.hint
    assert str(TlsFailed(reason)) == reason.value


@pytest.mark.fact("F3")
def test_a_closed_connection_is_explained_and_leads_to_mqtt_5() -> None:
    error = ClosedBeforeConnack()
    assert str(error) == "closed by the peer before a CONNACK"
    assert "--protocol 5" in error.hint


@pytest.mark.fact("F1")
@pytest.mark.parametrize(
    ("code", "reason_string", "message"),
    [
        (0x87, None, "refused with CONNACK 0x87 (not authorized)"),
        (0x87, "Denied by the authorizer", "refused with CONNACK 0x87 (not authorized): Denied by the authorizer"),
        (0x87, "", "refused with CONNACK 0x87 (not authorized)"),
        (0x86, None, "refused with CONNACK 0x86 (bad user name or password)"),
        (5, None, "refused with CONNACK 5 (not authorized)"),
        (2, None, "refused with CONNACK 2 (identifier rejected)"),
        (6, None, "refused with CONNACK 6 (unknown code)"),
        (0xFF, None, "refused with CONNACK 0xFF (unknown code)"),
    ],
)
def test_a_refusal_says_code_name_and_reason(code: int, reason_string: str | None, message: str) -> None:
    error = ConnackRefused(code, reason_string)
    assert str(error) == message
    assert error.reason_code == code
    assert error.reason_string == reason_string


@pytest.mark.parametrize("code", range(256))
def test_every_refusal_has_a_next_step(code: int) -> None:
    assert ConnackRefused(code).hint


@pytest.mark.parametrize("code", [4, 5, 0x86, 0x87])
def test_a_refused_authorization_leads_to_what_decides_it(code: int) -> None:
    hint = ConnackRefused(code).hint
    assert all(part in hint for part in ("authorizer", "password", "token key name", "signature", "iot:Connect", "log"))
    assert not ConnackRefused(code).retryable


@pytest.mark.parametrize("code", [3, 0x88, 0x89, 0x97, 0x9F])
def test_a_server_that_is_overrun_may_be_tried_again(code: int) -> None:
    assert ConnackRefused(code).retryable


def test_a_timeout_says_how_long_and_for_what() -> None:
    assert str(ConnectTimeout(2.5, Stage.NAME)) == "no answer within 2.5 s, waiting for name resolution"
    assert str(ConnectTimeout(10, Stage.CONNACK)) == "no answer within 10 s, waiting for CONNECT/CONNACK"


def test_every_class_of_a_failed_attempt_has_a_next_step() -> None:
    for error in CLASSES:
        if issubclass(error, ConnectError):
            assert error.default_hint or error.rule in RULES
