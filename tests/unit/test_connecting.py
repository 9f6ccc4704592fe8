"""What connect() adds to a backend."""

from __future__ import annotations

import asyncio

import pytest

from customauth import (
    Backend,
    BackendFault,
    Connection,
    ConnectRequest,
    ConnectTimeout,
    CustomAuth,
    Endpoint,
    Feature,
    MqttVersion,
    PluginManager,
    connect,
    connecting,
)


class _Broken(Backend):
    name = "broken"
    library = "customauth"
    features = frozenset({Feature.MQTT5})

    async def connect(self, request: ConnectRequest) -> Connection:
        raise RuntimeError(f"password {request.credentials.password!r}")


class _Endless(_Broken):
    name = "endless"

    async def connect(self, request: ConnectRequest) -> Connection:
        await asyncio.Event().wait()
        raise AssertionError


def _attempt(backend: Backend, **options: float) -> None:
    credentials = CustomAuth(username="u", password=b"s3cret")
    asyncio.run(connect("localhost:1", credentials, backend=backend, plugins=PluginManager(discover=False), **options))  # type: ignore[arg-type]


def test_a_backend_that_breaks_the_contract_is_named_and_its_words_are_not_repeated() -> None:
    with pytest.raises(BackendFault, match="backend broken failed with RuntimeError") as caught:
        _attempt(_Broken())
    assert "s3cret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.backend == "broken"


def test_a_backend_that_overruns_its_deadline_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_GRACE", 0.05)
    with pytest.raises(ConnectTimeout):
        _attempt(_Endless(), timeout=0.05)


def test_a_version_may_be_given_as_its_protocol_level() -> None:
    request = ConnectRequest(
        endpoint=Endpoint(host="localhost"),
        credentials=CustomAuth(username="u"),
        client_id="c",
        version=4,
    )
    assert request.version is MqttVersion.V311
