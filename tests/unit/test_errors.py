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
    EndpointError,
    NameNotResolved,
    Stage,
    TlsFailed,
    TlsReason,
    errors,
)

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
    assert DialError("broken").hint == DialError.hint


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
    assert [error for error in CLASSES if issubclass(error, ConnectError) and not error.hint] == []
