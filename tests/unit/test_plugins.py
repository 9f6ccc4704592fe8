"""Plug-ins of strangers, found as pip installs them: listed, loaded, connected with, and kept apart when broken."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import distributions
import servers
from customauth import (
    Acknowledgement,
    Backend,
    BackendInfo,
    BackendNotInstalled,
    Connack,
    Connection,
    ConnectionRefused,
    ConnectRequest,
    CustomAuth,
    Feature,
    Message,
    PluginLoadError,
    PluginManager,
    UnknownBackend,
    UnsupportedFeature,
    connect,
    hookimpl,
)

ALICE = CustomAuth(username="alice", password="secret")

# The library is a module of its own, so that a test sees when it is imported.
BACKEND = """
from customauth import Backend, Feature, hookimpl

class ThirdBackend(Backend):
    name = "{name}"
    library = "{library}"
    features = frozenset({{Feature.MQTT5}})

    async def connect(self, request):
        from third_library import connect
        return await connect(request)

@hookimpl
def customauth_backend():
    return ThirdBackend()
"""

LIBRARY = """
import asyncio
from customauth import Connack, Connection, mqtt
from customauth.dialing import dial

class ThirdConnection(Connection):
    def __init__(self, request, transport, connack):
        super().__init__(request)
        self.transport, self.connack = transport, connack

    def _send_publish(self, message):
        raise NotImplementedError

    _send_subscribe = _send_unsubscribe = _send_publish

    async def _disconnect(self):
        self.transport.abort()

async def connect(request):
    answer = asyncio.get_running_loop().create_future()

    class Reader(asyncio.Protocol):
        def data_received(self, data):
            answer.set_result(data)

    transport, _ = await dial(Reader, request.endpoint, request.timeout)
    sent = mqtt.Connect(
        version=request.version,
        client_id=request.client_id,
        username=request.username,
        password=request.password,
    )
    transport.write(mqtt.encode(sent, request.version))
    frames = mqtt.FrameReader(1000).feed(await answer)
    received = mqtt.decode(frames[0], request.version)
    return ThirdConnection(request, transport, Connack(session_present=received.session_present))
"""


class Site:
    """A place where throwaway distributions are installed for one test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def install(
        self,
        name: str,
        *,
        version: str = "1.0",
        backends: dict[str, str] | None = None,
        plugins: dict[str, str] | None = None,
        modules: dict[str, str] | None = None,
    ) -> None:
        folder = self._folder / f"{name}-{len(list(self._folder.iterdir()))}"
        distributions.install(folder, name, version=version, backends=backends, plugins=plugins, modules=modules)
        self._monkeypatch.syspath_prepend(folder)

    def backend(self, name: str = "third", library: str = "third-library") -> None:
        """Install a backend that works, when its library is there."""
        module = f"{name}_backend"
        source = BACKEND.format(name=name, library=library)
        self.install(f"{name}-party", backends={name: module}, modules={module: source})

    def library(self, version: str = "2.1.0") -> None:
        self.install("third-library", version=version, modules={"third_library": LIBRARY})

    def broken(self, source: str, name: str = "broken") -> None:
        self.install("broken-party", backends={name: "broken_backend"}, modules={"broken_backend": source})

    def observer(self, name: str, source: str) -> None:
        self.install(f"{name}-party", plugins={name: f"{name}_observer"}, modules={f"{name}_observer": source})

    def alone(self) -> None:
        """Leave nothing installed but what was installed here."""
        self._monkeypatch.setattr(sys, "path", [str(folder) for folder in self._folder.iterdir()])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    before = set(sys.modules)
    yield Site(tmp_path, monkeypatch)
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def described(name: str) -> BackendInfo:
    return next(info for info in PluginManager().describe() if info.name == name)


# Discovery


def test_a_strangers_backend_is_listed_without_being_imported(site: Site) -> None:
    site.backend()
    assert "third" in PluginManager().names()
    assert "third_backend" not in sys.modules


def test_a_backend_is_described_without_its_library_being_imported(site: Site) -> None:
    site.backend()
    site.library()
    assert described("third") == BackendInfo(
        name="third",
        distribution="third-party",
        version="1.0",
        library="third-library",
        library_version="2.1.0",
        features=frozenset({Feature.MQTT5}),
    )
    assert "third_library" not in sys.modules


def test_a_strangers_backend_connects(site: Site) -> None:
    site.backend()
    site.library()

    async def scenario() -> tuple[Connack, servers.Peer]:
        async with servers.scripted_server(servers.Accept(session_present=True)) as server:
            made = await connect(server.endpoint, ALICE, backend="third", client_id="x", plugins=PluginManager())
            async with made:
                return made.connack, server.peers[0]

    connack, peer = asyncio.run(scenario())
    assert connack.session_present
    assert peer.connect is not None
    assert (peer.connect.username, peer.connect.password, peer.connect.client_id) == ("alice", b"secret", "x")


def test_choosing_a_backend_loads_no_other(site: Site) -> None:
    site.backend("third", library="attrs")
    site.backend("fourth", library="attrs")
    assert PluginManager().backend("third").name == "third"
    assert "fourth_backend" not in sys.modules


@pytest.mark.parametrize("method", ["names", "describe"])
def test_listing_the_bundled_backends_imports_no_mqtt_library(method: str) -> None:
    program = (
        "import sys; from customauth import PluginManager; "
        f"PluginManager().{method}(); "
        "print([name for name in ('awscrt', 'awsiot', 'gmqtt', 'mqttium', 'paho') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_distribution_that_is_twice_on_the_path_counts_once(site: Site) -> None:
    site.backend("third", library="attrs")
    site.backend("third", library="attrs")
    assert PluginManager().names().count("third") == 1
    assert PluginManager().backend("third").name == "third"


def test_an_unknown_backend_is_refused_with_those_that_exist(site: Site) -> None:
    site.backend()
    with pytest.raises(UnknownBackend, match=r"no backend named 'mosquitto'; installed: .*third"):
        PluginManager().backend("mosquitto")
    with pytest.raises(UnknownBackend, match="installed: none"):
        PluginManager(discover=False).backend("third")


# Plug-ins that are broken

BROKEN = {
    "a missing module": ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named"),
    "a syntax error": ("def", "cannot be loaded: SyntaxError"),
    "an exception": (
        "raise RuntimeError('first line\\nsecond line')",
        "cannot be loaded: RuntimeError: first line second",
    ),
    "no hook": ("", "should bring one backend named 'broken', but brings none"),
    "a hook that raises": (
        "from customauth import hookimpl\n@hookimpl\ndef customauth_backend(): raise KeyError('x')",
        "cannot be loaded: KeyError: 'x'",
    ),
    "a hook that gives nothing": (
        "from customauth import hookimpl\n@hookimpl\ndef customauth_backend(): pass",
        "but brings none",
    ),
    "a hook with an argument too many": (
        "from customauth import hookimpl\n@hookimpl\ndef customauth_backend(other): pass",
        "cannot be loaded: PluginValidationError",
    ),
    "the class in place of an instance": (
        BACKEND.format(name="broken", library="attrs").replace("ThirdBackend()", "ThirdBackend"),
        "gives the class ThirdBackend, not an instance of customauth.Backend",
    ),
    "something else": (
        BACKEND.format(name="broken", library="attrs").replace("ThirdBackend()", "'broken'"),
        "gives a str, not an instance of customauth.Backend",
    ),
    "an abstract backend": (
        BACKEND.format(name="broken", library="attrs").replace("def connect", "def attempt"),
        "cannot be loaded: TypeError: Can't instantiate abstract class",
    ),
    "another name": (BACKEND.format(name="other", library="attrs"), r"but brings \['other'\]"),
    "no name": (BACKEND.format(name="", library="attrs"), "its ThirdBackend lacks name"),
    "no library": (
        BACKEND.format(name="broken", library="").replace("features =", "can ="),
        r"its ThirdBackend lacks library and features \(a frozenset\)",
    ),
    "a list of features": (
        BACKEND.format(name="broken", library="attrs").replace("frozenset({", "list({"),
        r"its ThirdBackend lacks features \(a frozenset\)",
    ),
}


@pytest.mark.parametrize(("source", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plug_in_is_told_by_its_distribution_every_time_and_harms_no_other(
    site: Site, source: str, message: str
) -> None:
    site.broken(source)
    site.backend("third", library="attrs")
    plugins = PluginManager()
    problems = {info.name: info.problem for info in plugins.describe()}
    assert problems["third"] is None
    for _ in range(2):
        with pytest.raises(PluginLoadError, match=message) as refused:
            plugins.backend("broken")
        assert "broken-party 1.0" in str(refused.value)
        assert str(refused.value) == problems["broken"]
        assert "\n" not in str(refused.value)
    assert plugins.backend("third").name == "third"


def test_a_broken_plug_in_is_passed_over_by_default(site: Site) -> None:
    site.broken("raise RuntimeError", name="paho")
    site.backend()
    site.library()
    site.alone()
    plugins = PluginManager()
    assert plugins.names() == ["paho", "third"]
    assert plugins.backend().name == "third"


def test_two_that_claim_one_name_are_refused_with_both_named_and_harm_no_other(site: Site) -> None:
    for name in ("first-party", "second-party"):
        site.install(name, version="3.2", backends={"third": "third_backend"})
    site.backend("fourth", library="attrs")
    plugins = PluginManager()
    assert plugins.names().count("third") == 1
    with pytest.raises(PluginLoadError, match="two plug-ins claim the backend name 'third'") as refused:
        plugins.backend("third")
    assert "first-party 3.2" in str(refused.value)
    assert "second-party 3.2" in str(refused.value)
    assert described("third").problem == str(refused.value)
    assert plugins.backend("fourth").name == "fourth"


# Libraries that are missing or too old


def test_a_missing_library_is_told_with_the_pip_command(site: Site) -> None:
    site.backend()
    with pytest.raises(BackendNotInstalled) as refused:
        PluginManager().backend("third")
    assert str(refused.value) == (
        'backend third needs third-library, which is not installed; run: pip install "third-library"'
    )
    info = described("third")
    assert info.problem == str(refused.value)
    assert info.features == {Feature.MQTT5}
    assert info.library_version is None


def with_minimum(minimum: str, extra: str = "") -> str:
    source = BACKEND.format(name="third", library="third-library")
    return source.replace("    features", f"    minimum = {minimum}\n    extra = '{extra}'\n    features", 1)


def test_an_extra_is_what_the_pip_command_installs(site: Site) -> None:
    source = with_minimum("(2, 1)", "third-party[mqtt]")
    site.install("third-party", backends={"third": "third_backend"}, modules={"third_backend": source})
    with pytest.raises(BackendNotInstalled, match=r'run: pip install "third-party\[mqtt\]"'):
        PluginManager().backend("third")


@pytest.mark.parametrize("version", ["2.0.9", "2.0", "1.99.1", "1.9.post3", "2.0.0.dev7", "0.0.1"])
def test_a_library_that_is_too_old_is_refused_with_the_pip_command(site: Site, version: str) -> None:
    source = with_minimum("(2, 1)")
    site.install("third-party", backends={"third": "third_backend"}, modules={"third_backend": source})
    site.library(version)
    with pytest.raises(BackendNotInstalled) as refused:
        PluginManager().backend("third")
    assert str(refused.value) == (
        f"backend third needs third-library 2.1 or later, but {version} is installed; "
        'run: pip install --upgrade "third-library"'
    )
    assert described("third").problem == str(refused.value)


@pytest.mark.parametrize(
    ("version", "minimum"),
    [
        ("2.1", "(2, 1)"),
        ("2.1", "(2, 1, 0)"),
        ("2.1.0", "(2, 1)"),
        ("2.10", "(2, 9)"),
        ("3", "(2, 9, 9)"),
        ("2.1.0+local.1", "(2, 1)"),
        ("1!2.1", "(2, 1)"),
        ("10.0rc1", "(9, 9)"),
    ],
)
def test_a_library_of_at_least_the_minimum_is_taken(site: Site, version: str, minimum: str) -> None:
    source = with_minimum(minimum)
    site.install("third-party", backends={"third": "third_backend"}, modules={"third_backend": source})
    site.library(version)
    assert PluginManager().backend("third").name == "third"
    assert described("third").library_version == version


# Registered by hand


class LocalConnection(Connection):
    """A connection to nowhere, which only can be closed."""

    def _send_publish(self, message: Message) -> asyncio.Future[Acknowledgement] | None:
        return None

    def _send_subscribe(self, topic_filter: str, qos: int) -> asyncio.Future[Acknowledgement]:
        return asyncio.get_running_loop().create_future()

    def _send_unsubscribe(self, topic_filter: str) -> asyncio.Future[Acknowledgement]:
        return asyncio.get_running_loop().create_future()

    async def _disconnect(self) -> None:
        return


class LocalBackend(Backend):
    """A backend that needs no network: it accepts, or fails with what it was given."""

    library = "attrs"
    features = frozenset({Feature.MQTT5})

    def __init__(self, name: str = "local", failure: Exception | None = None) -> None:
        self.name = name  # type: ignore[misc]
        self.failure = failure
        self.requests: list[ConnectRequest] = []
        self.connection: Connection | None = None

    async def connect(self, request: ConnectRequest) -> Connection:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        self.connection = LocalConnection(request)
        return self.connection


class Brings:
    """A plug-in, as an object, that brings a backend."""

    def __init__(self, backend: object) -> None:
        self.backend = backend

    @hookimpl
    def customauth_backend(self) -> object:
        return self.backend


def with_local(backend: LocalBackend, *, discover: bool = False) -> PluginManager:
    plugins = PluginManager(discover=discover)
    plugins.register(Brings(backend))
    return plugins


def test_an_application_may_bring_a_backend_by_hand() -> None:
    backend = LocalBackend()
    plugins = with_local(backend)
    assert plugins.names() == ["local"]
    assert plugins.backend("local") is backend
    assert plugins.backend() is backend
    assert plugins.describe()[0].distribution == "registered by hand"
    assert "local" not in PluginManager(discover=False).names()


def test_the_defaults_candidates_come_first_and_the_first_that_is_installed_is_the_default() -> None:
    plugins = PluginManager(discover=False)
    for name in ("zeta", "awscrt", "alpha", "paho"):
        backend = LocalBackend(name)
        if name in ("awscrt", "paho"):
            backend.library = "no-such-library"  # type: ignore[misc]
        plugins.register(Brings(backend))
    assert plugins.names() == ["paho", "awscrt", "alpha", "zeta"]
    assert plugins.backend().name == "alpha"


def test_without_any_library_the_default_is_told_with_the_pip_command() -> None:
    with pytest.raises(BackendNotInstalled, match=r'run: pip install "customauth\[paho\]"'):
        PluginManager(discover=False).backend()


def test_a_backend_by_hand_with_the_name_of_an_installed_one_is_refused(site: Site) -> None:
    site.backend("third", library="attrs")
    plugins = PluginManager()
    with pytest.raises(PluginLoadError, match=r"claim the backend name 'third': third-party 1\.0 and .*test_plugins"):
        plugins.register(Brings(LocalBackend("third")))
    assert type(plugins.backend("third")).__name__ == "ThirdBackend"


def test_a_second_backend_by_hand_with_the_same_name_is_refused_and_the_first_stays() -> None:
    first = LocalBackend()
    plugins = with_local(first)
    with pytest.raises(PluginLoadError, match="two plug-ins claim the backend name 'local'"):
        plugins.register(Brings(LocalBackend()))
    assert plugins.backend("local") is first


def test_registering_the_same_plug_in_again_is_refused_and_it_stays() -> None:
    backend, plugins = LocalBackend(), PluginManager(discover=False)
    plugin = Brings(backend)
    plugins.register(plugin)
    with pytest.raises(PluginLoadError, match="is registered already"):
        plugins.register(plugin)
    assert plugins.backend("local") is backend


@pytest.mark.parametrize("brought", [LocalBackend, "local", LocalBackend("")])
def test_what_is_no_backend_is_refused_by_hand_too(brought: object) -> None:
    plugins = PluginManager(discover=False)
    with pytest.raises(PluginLoadError, match=r"not an instance|lacks name"):
        plugins.register(Brings(brought))
    assert plugins.names() == []


def test_a_request_for_more_than_a_backend_can_names_those_that_can(site: Site) -> None:
    site.backend("third", library="attrs")
    backend = LocalBackend()
    backend.features = frozenset()  # type: ignore[misc]
    with pytest.raises(UnsupportedFeature, match=r"backend local cannot do mqtt5; backends that can: .*third"):
        asyncio.run(connect("localhost", ALICE, backend=backend, plugins=PluginManager()))
    with pytest.raises(UnsupportedFeature, match="no backend here can"):
        asyncio.run(connect("localhost", ALICE, backend="local", plugins=with_local(backend)))
    assert backend.requests == []


# Observers

RECORDING = """
from customauth import hookimpl

seen = []

@hookimpl
def customauth_before_connect(request, backend):
    seen.append(("before", request.client_id, backend.name))

@hookimpl
def customauth_after_connect(request, connection):
    seen.append(("after", request.client_id, connection))

@hookimpl
def customauth_connect_failed(request, error):
    seen.append(("failed", request.client_id, error.backend, error.endpoint, error))
"""

RAISING = """
from customauth import hookimpl

@hookimpl
def customauth_after_connect(request):
    raise RuntimeError("first line\\nsecond line")

@hookimpl
def customauth_connect_failed(request):
    raise RuntimeError("first line\\nsecond line")
"""


def attempt(backend: LocalBackend, plugins: PluginManager) -> Connection:
    return asyncio.run(connect("localhost", ALICE, backend=backend, client_id="x", plugins=plugins))


def seen_by(module: str) -> list[tuple[object, ...]]:
    seen: list[tuple[object, ...]] = sys.modules[module].seen
    return seen


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_observers_are_not_loaded_before_they_are_needed(site: Site) -> None:
    site.observer("recording", RECORDING)
    plugins = PluginManager()
    plugins.names()
    assert "recording_observer" not in sys.modules


def test_an_observer_is_told_of_an_attempt_and_of_its_connection(site: Site) -> None:
    site.observer("recording", RECORDING)
    backend = LocalBackend()
    connection = attempt(backend, PluginManager())
    assert seen_by("recording_observer") == [("before", "x", "local"), ("after", "x", connection)]


def test_an_observer_is_told_of_a_failure_that_says_where_it_happened(site: Site) -> None:
    site.observer("recording", RECORDING)
    failure = ConnectionRefused("no TCP connection")
    with pytest.raises(ConnectionRefused) as raised:
        attempt(LocalBackend(failure=failure), PluginManager())
    assert raised.value is failure
    assert seen_by("recording_observer") == [
        ("before", "x", "local"),
        ("failed", "x", "local", "localhost:443", failure),
    ]


def test_an_observer_that_raises_before_an_attempt_cancels_it() -> None:
    class Guard:
        @hookimpl
        def customauth_before_connect(self) -> None:
            raise PermissionError("not on Sundays")

    backend = LocalBackend()
    plugins = with_local(backend)
    plugins.register(Guard())
    with pytest.raises(PermissionError, match="not on Sundays"):
        attempt(backend, plugins)
    assert backend.requests == []


@pytest.mark.parametrize("failure", [None, ConnectionRefused("no TCP connection")], ids=["accepted", "failed"])
def test_an_observer_that_raises_afterwards_costs_one_line_and_harms_nobody(
    site: Site, caplog: pytest.LogCaptureFixture, failure: Exception | None
) -> None:
    # The recording one is between two that raise, whichever way round they are called.
    for name, source in (("araising", RAISING), ("recording", RECORDING), ("zraising", RAISING)):
        site.observer(name, source)
    backend = LocalBackend(failure=failure)
    if failure is None:
        assert attempt(backend, PluginManager()) is backend.connection
    else:
        with pytest.raises(ConnectionRefused) as raised:
            attempt(backend, PluginManager())
        assert raised.value is failure
    assert len(seen_by("recording_observer")) == 2
    hook = "customauth_after_connect" if failure is None else "customauth_connect_failed"
    assert sorted(warnings_of(caplog)) == [
        f"{hook} of plug-in {name}_observer failed: RuntimeError: first line second line"
        for name in ("araising", "zraising")
    ]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('first line\\nsecond line')", "RuntimeError: first line second line"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        (RECORDING.replace("(request, error)", "(request, errors)"), "PluginValidationError: Plugin"),
    ],
    ids=["raises", "misses a module", "misspells an argument"],
)
def test_a_broken_observer_costs_one_line_of_warning_once(
    site: Site, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    site.observer("broken", source)
    site.observer("recording", RECORDING)
    plugins, backend = PluginManager(), LocalBackend()
    for _ in range(2):
        assert attempt(backend, plugins) is backend.connection
    (warning,) = warnings_of(caplog)
    assert warning.startswith(f"plug-in broken of broken-party 1.0 is left out: {reason}")
    assert "\n" not in warning
    assert len(seen_by("recording_observer")) == 4
    assert getattr(sys.modules.get("broken_observer"), "seen", []) == []


def test_a_module_may_bring_a_backend_and_observe(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    source = BACKEND.format(name="third", library="attrs") + RECORDING
    both = {"third": "third_backend"}
    site.install("third-party", backends=both, plugins=both, modules={"third_backend": source})
    plugins, local = PluginManager(), LocalBackend()
    attempt(local, plugins)
    assert plugins.backend("third").name == "third"
    attempt(local, plugins)
    assert [event[0] for event in seen_by("third_backend")] == ["before", "after", "before", "after"]
    assert warnings_of(caplog) == []


@pytest.mark.parametrize(
    "source",
    [
        BACKEND.format(name="other", library="attrs"),
        BACKEND.format(name="broken", library="attrs").replace("ThirdBackend()", "ThirdBackend(1)"),
    ],
    ids=["another name", "a hook that raises"],
)
def test_a_backend_that_was_refused_does_not_observe_either(site: Site, source: str) -> None:
    site.broken(source + RECORDING)
    plugins = PluginManager()
    with pytest.raises(PluginLoadError):
        plugins.backend("broken")
    attempt(LocalBackend(), plugins)
    assert seen_by("broken_backend") == []


def test_a_module_object_is_a_plug_in_too() -> None:
    module = types.ModuleType("by_hand")
    exec(RECORDING, vars(module))  # noqa: S102
    plugins = PluginManager(discover=False)
    plugins.register(module)
    attempt(LocalBackend(), plugins)
    assert [event[0] for event in module.seen] == ["before", "after"]
    assert plugins.names() == []
