"""What a session does not go on with, and what it does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import customauth
from customauth import (
    BackendFault,
    ClosedBeforeConnack,
    ConnackRefused,
    ConnectError,
    ConnectTimeout,
    CredentialError,
    CredentialsUnavailable,
    CustomAuth,
    Disconnected,
    EndpointError,
    MqttVersion,
    NameNotResolved,
    RequestTimeout,
    SessionEnded,
    SessionStateKind,
    SignedToken,
    Stage,
    TlsFailed,
    TlsReason,
    UnknownBackend,
    UpgradeRejected,
    mqtt,
)
from customauth.giving_up import Prospect, prospect
from customauth.signing import sign
from customauth.testing.faults import AlpnRefused, Inject, Untrusted
from gateways import ALLOW, Keys, Running, StartGateway
from rawbackend import RawBackend
from staying import QUICK, endpoint_of, place, run, unsigned, until

DENY = ALLOW | {"isAuthenticated": False}
VERSIONS = pytest.mark.parametrize("version", list(MqttVersion))
REFUSAL = {MqttVersion.V5: ConnackRefused, MqttVersion.V311: ClosedBeforeConnack}


def _closed_on_5() -> ClosedBeforeConnack:
    error = ClosedBeforeConnack()
    error.retryable = True
    return error


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (NameNotResolved("no address"), Prospect.HEALS),
        (ConnectTimeout(1.0, Stage.TCP), Prospect.HEALS),
        (_closed_on_5(), Prospect.HEALS),
        (ConnackRefused(3), Prospect.HEALS),
        (ConnackRefused(0x97), Prospect.HEALS),
        (UpgradeRejected(503), Prospect.HEALS),
        (CredentialsUnavailable(OSError()), Prospect.HEALS),
        (RequestTimeout(1.0, "SUBACK"), Prospect.HEALS),
        (Disconnected(), Prospect.HEALS),
        (Disconnected(0x87), Prospect.HEALS),
        (Disconnected(0, by_server=False), Prospect.HEALS),
        (ConnackRefused(4), Prospect.NEW_CREDENTIALS),
        (ConnackRefused(5), Prospect.NEW_CREDENTIALS),
        (ConnackRefused(0x86), Prospect.NEW_CREDENTIALS),
        (ConnackRefused(0x87), Prospect.NEW_CREDENTIALS),
        (ClosedBeforeConnack(), Prospect.NEW_CREDENTIALS),
        (ConnackRefused(0x85), Prospect.NONE),
        (TlsFailed(TlsReason.UNTRUSTED_CA), Prospect.NONE),
        (UpgradeRejected(404), Prospect.NONE),
        (BackendFault("broken"), Prospect.NONE),
        (ConnectError("malformed", retryable=False), Prospect.NONE),
        (Disconnected(0x8E), Prospect.NONE),
        (UnknownBackend("nobody"), Prospect.NONE),
        (EndpointError("no"), Prospect.NONE),
        (CredentialError("no"), Prospect.NONE),
        (ValueError("of an observer that cancels"), Prospect.NONE),
    ],
)
def test_what_heals_and_what_does_not(failure: Exception, expected: Prospect) -> None:
    assert prospect(failure) is expected


@pytest.mark.fact("F1", "F3")
@VERSIONS
def test_credentials_are_refused_three_times_and_no_more(start_gateway: StartGateway, version: MqttVersion) -> None:
    async def main() -> None:
        async with start_gateway(answer=DENY) as gateway:
            backend = RawBackend()
            with pytest.raises(REFUSAL[version]):
                async with customauth.session(
                    endpoint_of(gateway), unsigned(), backend=backend, backoff=QUICK, version=version
                ):
                    raise AssertionError
            assert len(backend.requests) == len(gateway.decisions) == 3

    run(main())


def test_the_number_of_refusals_is_the_users(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway(answer=DENY) as gateway:
            backend = RawBackend()
            with pytest.raises(ConnackRefused):
                async with customauth.session(
                    endpoint_of(gateway), unsigned(), backend=backend, backoff=QUICK, refusals=1
                ):
                    raise AssertionError
            assert len(backend.requests) == 1

    run(main())


@VERSIONS
def test_without_a_limit_refusals_are_waited_out(start_gateway: StartGateway, version: MqttVersion) -> None:
    async def main() -> None:
        async with start_gateway(answer=DENY) as gateway:
            session = customauth.session(
                endpoint_of(gateway), unsigned(), backend=RawBackend(), backoff=QUICK, refusals=None, version=version
            )
            states = session.states()
            entering = asyncio.create_task(session.__aenter__())
            for _ in range(6):
                refused = await until(states, SessionStateKind.WAITING)
                assert isinstance(refused.error, REFUSAL[version])
            gateway.answer(ALLOW)
            await entering
            await session.aclose()

    run(main())


def test_an_accepted_connection_ends_the_row_of_refusals(start_gateway: StartGateway) -> None:
    async def main() -> None:
        async with start_gateway() as gateway:
            session = customauth.session(
                endpoint_of(gateway), unsigned(), backend=RawBackend(), backoff=QUICK, refusals=2
            )
            states = session.states()
            async with session:
                for _ in range(3):
                    gateway.answer(DENY)
                    assert session.connection is not None
                    await session.connection.aclose()
                    while not isinstance((await until(states, SessionStateKind.WAITING)).error, ConnackRefused):
                        pass
                    gateway.answer(ALLOW)
                    await until(states, SessionStateKind.CONNECTED)

    run(main())


@pytest.mark.parametrize(("fault", "error"), [(Untrusted(), TlsFailed), (AlpnRefused(), TlsFailed)])
def test_what_cannot_heal_is_raised_by_the_first_attempt(
    fault: Untrusted | AlpnRefused, error: type[Exception]
) -> None:
    async def main() -> None:
        async with place() as here:
            here.proxy.fault = fault
            session = here.session()
            with pytest.raises(error):
                await session.__aenter__()
            assert len(here.backend.requests) == 1
            assert session.state.kind is SessionStateKind.CLOSED
            assert isinstance(session.state.error, error)

    run(main())


def test_options_that_cannot_work_are_raised_at_once() -> None:
    async def main() -> None:
        async with place() as here:
            with pytest.raises(EndpointError):
                await here.session(keep_alive=-1).__aenter__()
            with pytest.raises(UnknownBackend):
                await here.session(backend="nobody").__aenter__()
            with pytest.raises(EndpointError):
                await here.session(endpoint="https://localhost").__aenter__()

    run(main())


@pytest.mark.fact("E15")
def test_another_client_with_the_same_id_ends_the_session() -> None:
    async def main() -> None:
        async with place() as here, here.session(client_id="pump-7") as session:
            assert here.gateway.signed is not None
            async with (
                session.subscribe("sample/#") as messages,
                await customauth.connect(
                    here.gateway.endpoint, here.gateway.signed, backend=RawBackend(), client_id="pump-7"
                ) as rival,
            ):
                end = await session.wait_closed()
                assert isinstance(end.__cause__, Disconnected)
                assert end.__cause__.reason_code == 0x8E
                assert "give each its own" in end.hint
                with pytest.raises(SessionEnded, match="taken over"):
                    await session.publish("sample/a")
                with pytest.raises(SessionEnded, match="taken over"):
                    await anext(messages)
                assert rival.closed is None
            assert len(here.backend.requests) == 1

    run(main())


def test_a_server_that_goes_away_is_come_back_to() -> None:
    async def main() -> None:
        async with place() as here:
            farewell = mqtt.Disconnect(reason_code=0x8B)
            here.proxy.fault = Inject(farewell, packet=mqtt.PacketType.CONNACK, close=True)
            session = here.session()
            states = session.states()
            async with session:
                lost = await until(states, SessionStateKind.WAITING)
                assert isinstance(lost.error, Disconnected)
                assert lost.error.reason_code == 0x8B
                here.proxy.fault = None
                await until(states, SessionStateKind.CONNECTED)

    run(main())


# A function that lets in whose token has not expired yet, by the time in its file `clock`.
_EXPIRY = """
import json

def handler(event, context):
    with open("clock") as file:
        now = int(file.read())
    with open("answer.json") as file:
        answer = json.load(file)
    expires = json.loads(event["token"])["exp"]
    return answer | {"isAuthenticated": event["signatureVerified"] and now < expires}
"""


def _token(keys: Keys, expires: int) -> CustomAuth:
    value = json.dumps({"exp": expires})
    token = SignedToken(key_name="token", value=value, signature=sign(value, keys.new.private_pem))
    return CustomAuth(authorizer="signed", token=token)


@pytest.mark.parametrize("plain", [True, False])
def test_a_token_that_expires_between_attempts_is_renewed(
    start_gateway: StartGateway, tmp_path: Path, keys: Keys, plain: bool
) -> None:
    clock = tmp_path / "clock"
    given: list[int] = []

    def newest() -> CustomAuth:
        # The issuer hands out the old token once more before it has a new one.
        given.append(10 if len(given) < 2 else 100)
        return _token(keys, given[-1])

    async def newest_async() -> CustomAuth:
        await asyncio.sleep(0)
        return newest()

    async def main(gateway: Running) -> None:
        source = newest if plain else newest_async
        clock.write_text("5")
        session = customauth.session(endpoint_of(gateway), source, backend=RawBackend(), backoff=QUICK)
        states = session.states()
        async with session:
            clock.write_text("20")
            assert session.connection is not None
            await session.connection.aclose()
            await until(states, SessionStateKind.WAITING)
            refused = await until(states, SessionStateKind.WAITING)
            assert isinstance(refused.error, ConnackRefused)
            connected = await until(states, SessionStateKind.CONNECTED)
            assert connected.attempt == 3
        assert given == [10, 10, 100]
        assert [line.split()[0] for line in gateway.lines()] == ["ALLOW", "DENY", "ALLOW"]

    async def start() -> None:
        async with start_gateway(function=_EXPIRY) as gateway:
            await main(gateway)

    run(start())


def test_a_source_that_gives_up_ends_the_session() -> None:
    async def main() -> None:
        async with place() as here:
            first = True

            def source() -> CustomAuth:
                nonlocal first
                if first:
                    first = False
                    assert here.gateway.signed is not None
                    return here.gateway.signed
                raise CredentialError("the device was removed; register it again")

            async with here.session(credentials=source) as session:
                await here.proxy.cut_all()
                end = await session.wait_closed()
                assert isinstance(end.__cause__, CredentialError)
                assert "register it again" in str(end)

    run(main())


def test_a_source_that_fails_is_asked_again_and_its_text_is_not_shown() -> None:
    async def main() -> None:
        async with place() as here:
            asked: list[int] = []

            async def source() -> CustomAuth:
                asked.append(1)
                if len(asked) < 3:
                    raise KeyError("token=hush-hush")
                assert here.gateway.signed is not None
                return here.gateway.signed

            session = here.session(credentials=source)
            states = session.states()
            async with session:
                failed = await until(states, SessionStateKind.WAITING)
                assert isinstance(failed.error, CredentialsUnavailable)
                assert isinstance(failed.error.__cause__, KeyError)
                assert "KeyError" in str(failed.error)
                assert "hush" not in str(failed.error)
            assert len(asked) == 3
            assert len(here.backend.requests) == 1

    run(main())


def test_a_source_that_gives_something_else_is_refused() -> None:
    async def main() -> None:
        async with place() as here:
            with pytest.raises(CredentialError, match="gives a str"):
                await here.session(credentials=lambda: "token").__aenter__()

    run(main())


def test_the_end_keeps_a_strangers_text_to_itself() -> None:
    end = SessionEnded(RuntimeError("hush-hush"))
    assert "hush" not in str(end)
    assert isinstance(end.again().__cause__, RuntimeError)
    assert str(SessionEnded(ConnackRefused(0x87)).again()) == str(SessionEnded(ConnackRefused(0x87)))
