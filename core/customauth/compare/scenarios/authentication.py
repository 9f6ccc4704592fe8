"""Every way in which AWS refuses or ends a custom authentication (section F of the facts), against the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Unpack

from attrs import define, evolve, field

from customauth import Connection, ConnectOptions, CustomAuth, CustomAuthError, Endpoint
from customauth.compare.bench import Bench
from customauth.compare.result import Kind
from customauth.compare.scenario import NotApplicable, Scenario, Subject, Turn
from customauth.compare.scenarios.login import Act, Expected, Keys, Login
from customauth.compare.scenarios.logins import LOGINS
from customauth.compare.telling import in_words, told

if TYPE_CHECKING:
    from customauth.gateway import GatewayConfig
    from customauth.gateway.runtimes.contract import Invocation

# Seconds beyond its timeout within which something must be told.
_GRACE = 2.5

_CONFIG = """\
[gateway]
enforce_quotas = {enforce_quotas}

[authorizers.open]
status = "ACTIVE"
function = "comparison:row"
signing_disabled = true

[authorizers.signed]
status = "ACTIVE"
function = "comparison:row"
token_key_name = "token"
token_signing_public_keys = {{ key1 = "public.pem" }}

[authorizers.resting]
status = "INACTIVE"
function = "comparison:row"
signing_disabled = true

[domain_configurations.closed]
server_name = "closed.example.test"
status = "DISABLED"
"""


class LoginScenario(Scenario):
    """One row of the table.

    :cvar login: the row.
    :cvar quick: whether a quick comparison takes it.
    """

    kind = Kind.BEHAVIOUR
    local = True
    rounds: ClassVar[int | None] = 1
    login: ClassVar[Login]
    quick: ClassVar[bool]

    async def turn(self, bench: Bench, subject: Subject) -> Turn:
        if bench.gateway is None:
            raise NotApplicable("it needs the local gateway; leave out ENDPOINT")
        folder = bench.gateway.folder
        place, function = await bench.kept(self.name, lambda: self._serving(bench, folder))
        function.begin()
        keys = Keys(private_pem=folder.joinpath("private.pem").read_bytes())
        attempt = _Attempt(bench, subject, self.login, place, self.login.credentials(keys))
        error, seconds, wrong = await attempt.made()
        expected = self.login.expected[subject.version]
        if error is not None:
            wrong = _differences(expected, error)
        return Turn(behaviour=told(_in_words(expected), error, seconds, wrong, attempt.endpoint))

    @contextlib.asynccontextmanager
    async def _serving(self, bench: Bench, folder: Path) -> AsyncIterator[tuple[Endpoint, _Function]]:
        from customauth.gateway import running

        function = _Function(self.login)
        options = {"runtimes": lambda _: function, "time_scale": self.login.time_scale}
        async with running(_config(folder, self.login), folder=folder, **options) as gateway:
            yield gateway.endpoint, function


def login_scenarios() -> tuple[Scenario, ...]:
    """Return a scenario for each row of the table, in its order."""
    return tuple(_scenario(login) for login in LOGINS)


def _scenario(row: Login) -> LoginScenario:
    class Authentication(LoginScenario):
        name = f"auth/{row.name}"
        title = row.title
        description = f"{row.description} ({', '.join(row.facts)})."
        login = row
        quick = row.quick
        needs = row.needs

    return Authentication()


class _Attempt:
    """What the user does."""

    def __init__(
        self, bench: Bench, subject: Subject, login: Login, endpoint: Endpoint, credentials: CustomAuth
    ) -> None:
        self._bench = bench
        self._subject = subject
        self._login = login
        self._credentials = credentials
        reached = evolve(endpoint, transport=subject.transport)
        if login.server_name is not None:
            reached = evolve(reached, host=login.server_name, address=endpoint.host)
        self.endpoint = reached

    async def made(self) -> tuple[CustomAuthError | None, float, list[str]]:
        """Make it; return the error, the seconds until it was told, and what is wrong where there is none."""
        client_id = self._bench.client_id()
        if self._login.act is Act.CONNECT_AGAIN:
            await (await self._connect(client_id=client_id)).aclose()
        connection: Connection | None = None
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._bench.timeout + _GRACE):
                connection = await self._connect(client_id=client_id)
                if self._login.act in (Act.CONNECT, Act.CONNECT_AGAIN):
                    return None, 0.0, ["the attempt succeeded"]
                began = time.perf_counter()
                await self._act(connection)
            return None, 0.0, ["nothing failed"]
        except CustomAuthError as error:
            return error, time.perf_counter() - began, []
        except TimeoutError:
            return None, 0.0, [f"it was not told within {self._bench.timeout + _GRACE:g} s"]
        finally:
            if connection is not None:
                await connection.aclose()

    async def _connect(self, **options: Unpack[ConnectOptions]) -> Connection:
        return await self._bench.connect(self._subject, self.endpoint, self._credentials, **options)

    async def _act(self, connection: Connection) -> None:
        match self._login.act:
            case Act.PUBLISH_ACKNOWLEDGED:
                await connection.publish("denied/compare", b"x", qos=1, timeout=self._bench.timeout)
            case Act.PUBLISH:
                await connection.publish("denied/compare", b"x")
                raise await connection.wait_closed()
            case Act.SUBSCRIBE:
                async with connection.subscribe("denied/compare", timeout=self._bench.timeout):
                    pass
            case _:
                raise await connection.wait_closed()


@define(eq=False)
class _Function:
    """Answers in this process what a row says: nothing is started for it."""

    _login: Login
    _asked: int = field(default=0, init=False)

    def begin(self) -> None:
        """Begin a turn: it has not been asked yet."""
        self._asked = 0

    async def invoke(self, event: Mapping[str, object]) -> Invocation:
        from customauth.gateway.runtimes.contract import Invocation

        answer = self._login.answer(event, self._asked)
        self._asked += 1
        return Invocation(payload=json.dumps(answer), duration=0.0)

    async def aclose(self) -> None:
        """End nothing: nothing was started."""


def _config(folder: Path, login: Login) -> GatewayConfig:
    from customauth.gateway.config_parse import parse_config

    text = _CONFIG.format(enforce_quotas=str(login.enforce_quotas).lower())
    return parse_config(text, file=folder / "comparison.toml")


def _in_words(expected: Expected) -> str:
    return in_words(expected.error, stage=expected.stage, retryable=expected.retryable, details=dict(expected.details))


def _differences(expected: Expected, error: CustomAuthError) -> list[str]:
    if type(error) is not expected.error:
        return [f"the class is {type(error).__name__}, not {expected.error.__name__}"]
    wanted: dict[str, object] = dict(expected.details)
    if expected.stage is not None:
        wanted |= {"stage": expected.stage, "retryable": expected.retryable}
    return [
        f"{name} is {getattr(error, name)!r}, not {value!r}"
        for name, value in wanted.items()
        if getattr(error, name) != value
    ]
