"""The blocking form: the same, from scripts and threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from customauth import (
    ClosedBeforeConnack,
    Connack,
    CustomAuth,
    Disconnected,
    EndpointError,
    Message,
    PluginManager,
    RequestError,
    RequestTimeout,
    Session,
    SessionEnded,
    SessionState,
    SessionStateKind,
    SubscribeRefused,
    TlsFailed,
    hookimpl,
    sync,
)
from customauth.gateway import RunningGateway
from customauth.testing import LocalGateway
from rawbackend import RawBackend
from staying import QUICK

Owner = sync.Connection | sync.Session
_LIMIT = 60.0


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with LocalGateway() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "customauth-sync"]


def _connect(gateway: RunningGateway, **options: Any) -> sync.Connection:
    assert gateway.signed is not None
    return sync.connect(gateway.endpoint, gateway.signed, backend=RawBackend(), **options)


def _session(gateway: RunningGateway, **options: Any) -> sync.Session:
    assert gateway.signed is not None
    given: dict[str, Any] = {"backend": RawBackend(), "backoff": QUICK} | options
    return sync.session(gateway.endpoint, gateway.signed, **given)


def _opened(gateway: RunningGateway) -> sync.Session:
    session = _session(gateway)
    session.open()
    return session


OWNERS = pytest.mark.parametrize("make", [_connect, _opened])


@OWNERS
def test_what_is_published_arrives(gateway: RunningGateway, make: Callable[[RunningGateway], Owner]) -> None:
    with make(gateway) if make is _connect else _session(gateway) as owner:
        assert owner.closed is None
        with owner.subscribe("sample/#", 1) as messages:
            assert messages.topic_filter == "sample/#"
            assert messages.granted_qos == 1
            assert owner.publish("sample/a", "x", qos=1).reason_code == 0
            assert messages.get(timeout=_LIMIT) == Message(topic="sample/a", payload=b"x", qos=1)
            owner.publish("sample/b", b"y", qos=0)
            assert next(messages).payload == b"y"
            with pytest.raises(RequestTimeout, match=r"no message within 0\.01 s"):
                messages.get(timeout=0.01)
        assert owner.unsubscribe("sample/other").reason_code is not None
    assert owner.closed is not None


def test_a_connection_says_what_the_server_said(gateway: RunningGateway) -> None:
    with _connect(gateway) as connection:
        assert isinstance(connection.connack, Connack)
        assert connection.connack.receive_maximum == 100


@OWNERS
def test_refusals_are_raised(gateway: RunningGateway, make: Callable[[RunningGateway], Owner]) -> None:
    owner = make(gateway)
    try:
        with pytest.raises(SubscribeRefused):
            owner.subscribe("forbidden/#").__enter__()
        with pytest.raises(RequestError):
            owner.subscribe("a/#/b")
        with pytest.raises(RequestError):
            owner.publish("a/#")
    finally:
        owner.close()


@OWNERS
def test_many_threads_may_publish_at_once(gateway: RunningGateway, make: Callable[[RunningGateway], Owner]) -> None:
    owner = make(gateway)
    try:
        with owner.subscribe("sample/#", 1) as messages, ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda n: owner.publish("sample/a", str(n), qos=1), range(100))
            assert {answer.reason_code for answer in answers} == {0}
            arrived = pool.map(lambda _: messages.get(timeout=_LIMIT).payload, range(100))
            assert sorted(int(payload) for payload in arrived) == list(range(100))
    finally:
        owner.close()


@pytest.mark.parametrize(("make", "error"), [(_connect, Disconnected), (_opened, SessionEnded)])
def test_closing_wakes_those_who_wait(
    gateway: RunningGateway, make: Callable[[RunningGateway], Owner], error: type[Exception]
) -> None:
    owner = make(gateway)
    with owner.subscribe("sample/never") as messages, ThreadPoolExecutor(4) as pool:
        taking = [pool.submit(messages.get) for _ in range(2)]
        iterating = pool.submit(list, messages)
        ending = pool.submit(owner.wait_closed)
        owner.close()
        for waiting in taking:
            with pytest.raises(error):
                waiting.result(_LIMIT)
        assert iterating.result(_LIMIT) == []
        assert isinstance(ending.result(_LIMIT), error)


@OWNERS
def test_an_iteration_that_goes_on_after_the_close_ends_too(
    gateway: RunningGateway, make: Callable[[RunningGateway], Owner]
) -> None:
    owner = make(gateway)
    with owner.subscribe("sample/never") as messages:
        owner.close()
        assert list(messages) == []


@pytest.mark.parametrize(("make", "error"), [(_connect, Disconnected), (_opened, SessionEnded)])
def test_what_is_closed_takes_nothing(
    gateway: RunningGateway, make: Callable[[RunningGateway], Owner], error: type[Exception]
) -> None:
    owner = make(gateway)
    owner.close()
    for call in (
        lambda: owner.publish("sample/a", qos=1),
        lambda: owner.subscribe("sample/#"),
        lambda: owner.unsubscribe("sample/#"),
    ):
        with pytest.raises(error):
            call()
    assert isinstance(owner.wait_closed(), error)
    owner.close()


@OWNERS
def test_several_may_close_at_once(gateway: RunningGateway, make: Callable[[RunningGateway], Owner]) -> None:
    owner = make(gateway)
    with ThreadPoolExecutor(4) as pool:
        for closing in [pool.submit(owner.close) for _ in range(4)]:
            closing.result(_LIMIT)


def test_a_session_comes_back(gateway: RunningGateway) -> None:
    session = _session(gateway, client_id="pump-7")
    assert session.client_id == "pump-7"
    assert not session.connected
    with session:
        assert session.connected
        states = session.states()
        with session.subscribe("sample/#", 1) as messages:
            inner = session._session.connection
            assert inner is not None
            session._loop.run(inner.aclose)
            kinds = [next(states).kind for _ in range(3)]
            assert kinds == [SessionStateKind.WAITING, SessionStateKind.CONNECTING, SessionStateKind.CONNECTED]
            session.publish("sample/a", "again")
            assert messages.get(timeout=_LIMIT).payload == b"again"
    assert [state.kind for state in states] == [SessionStateKind.CLOSED]
    assert list(states) == []
    assert session.state == SessionState(kind=SessionStateKind.CLOSED, attempt=2)


def test_states_that_wait_are_given_to_the_last(gateway: RunningGateway) -> None:
    with _session(gateway) as session, ThreadPoolExecutor(1) as pool:
        listening = pool.submit(list, session.states())
        session.close()
        assert [state.kind for state in listening.result(_LIMIT)] == [SessionStateKind.CLOSED]


def test_a_session_that_cannot_begin_leaves_nothing(gateway: RunningGateway) -> None:
    session = sync.session(
        gateway.endpoint.host + f":{gateway.port}", CustomAuth(username="u"), backend=RawBackend(), backoff=QUICK
    )
    with pytest.raises(TlsFailed):
        session.open()
    with pytest.raises(SessionEnded, match="not signed by a trusted CA"):
        session.publish("sample/a")
    with pytest.raises(RequestError, match="opened once"):
        session.open()
    session.close()


def test_a_session_that_was_not_opened_says_so(gateway: RunningGateway) -> None:
    session = _session(gateway)
    with pytest.raises(RequestError, match="open it first"):
        session.publish("sample/a")
    session.close()


def test_an_attempt_that_fails_leaves_no_thread(gateway: RunningGateway) -> None:
    with pytest.raises(EndpointError):
        _connect(gateway, keep_alive=-1)
    with pytest.raises(ClosedBeforeConnack):
        sync.connect(gateway.endpoint, CustomAuth(username="nobody"), backend=RawBackend(), version=4)  # type: ignore[arg-type]


def test_a_call_from_its_own_thread_is_refused(gateway: RunningGateway) -> None:
    found: list[Exception] = []

    class Observer:
        @hookimpl
        def customauth_session_state(self, session: Session, state: SessionState) -> None:
            if state.kind is SessionStateKind.CONNECTED:
                try:
                    outer.publish("sample/a")
                except Exception as error:
                    found.append(error)

    plugins = PluginManager(discover=False)
    plugins.register(Observer())
    outer = _session(gateway, plugins=plugins)
    with outer:
        pass
    assert [type(error) for error in found] == [RuntimeError]
    assert "another thread" in str(found[0])


_WAITING = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from customauth import CustomAuth, Endpoint, sync
from rawbackend import RawBackend

endpoint = Endpoint.parse("localhost:{port}", ca_pem=Path({ca!r}).read_bytes())
auth = CustomAuth(authorizer="unsigned-sample", username="alice", password=b"wonderland")
try:
    with sync.{what}(endpoint, auth, backend=RawBackend()) as owner:
        with owner.subscribe("sample/#") as messages:
            try:
                print("waiting", flush=True)
                messages.get()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            owner.publish("sample/a", "taken by who asks now", qos=1)
            print(messages.get(timeout=30).payload.decode(), flush=True)
            print("waiting", flush=True)
            messages.get()
except KeyboardInterrupt:
    print("interrupted", type(owner.closed).__name__, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process")
@pytest.mark.parametrize(("what", "ending"), [("connect", "Disconnected"), ("session", "SessionEnded")])
def test_ctrl_c_interrupts_a_call_that_waits(gateway: RunningGateway, what: str, ending: str) -> None:
    root = Path(__file__).parents[2]
    paths = [str(root / "tests" / "support"), str(root / "examples" / "template-backend" / "src")]
    program = _WAITING.format(paths=paths, port=gateway.port, ca=str(gateway.ca_file), what=what)
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "interrupted\n"
            assert process.stdout.readline() == "taken by who asks now\n"
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=_LIMIT)
        finally:
            process.kill()
    assert output == f"interrupted {ending}\n"
    assert errors == ""
    assert process.returncode == 0
