"""What a refusing proxy and a refused WebSocket tell the person who reads the error."""

from __future__ import annotations

import pytest

from customauth.errors import DialError, ProxyRefused, Stage, UpgradeRejected


@pytest.mark.parametrize("status", [None, 1, 2, 5, 8, 9, 100, 301, 400, 403, 404, 407, 429, 500, 599])
def test_every_refusal_of_a_proxy_has_a_next_step(status: int | None) -> None:
    error = ProxyRefused("refused", status=status)
    assert isinstance(error, DialError)
    assert (error.stage, error.status, str(error)) == (Stage.PROXY, status, "refused")
    assert error.hint


def test_a_proxy_that_wants_to_know_the_user_leads_to_its_url() -> None:
    error = ProxyRefused("refused", status=407)
    assert "user:password@" in error.hint
    assert not error.retryable


@pytest.mark.fact("F6")
@pytest.mark.fact("F7")
@pytest.mark.parametrize("status", [101, 200, 301, 400, 401, 403, 404, 426, 428, 429, 430, 499, 500, 503, 599])
def test_every_refused_websocket_has_a_next_step(status: int) -> None:
    error = UpgradeRejected(status)
    assert isinstance(error, DialError)
    assert (error.stage, error.status) == (Stage.UPGRADE, status)
    assert str(status) in str(error)
    assert error.hint
    assert error.retryable == (status == 429 or status >= 500)


def test_a_forbidden_websocket_leads_to_the_credentials() -> None:
    hint = UpgradeRejected(403).hint
    assert all(part in hint for part in ("authorizer", "token key name", "signature", "SigV4"))
