"""What outlives the gateway's process: the store in SQLite, on its own and behind a router."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st

from customauth.gateway.broker.contract import Delivery, Subscription
from customauth.gateway.broker.memory import MemoryRouter
from customauth.gateway.broker.messages import Message
from customauth.gateway.broker.store import KeptSession, NoStore, SqliteStore, Store, StoreFailed
from customauth.mqtt import MqttVersion, Property

V311, V5 = MqttVersion.V311, MqttVersion.V5

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        Property.PAYLOAD_FORMAT_INDICATOR: st.integers(0, 1),
        Property.CONTENT_TYPE: TEXTS,
        Property.RESPONSE_TOPIC: TEXTS,
        Property.CORRELATION_DATA: st.binary(max_size=20),
        Property.USER_PROPERTY: st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3),
    },
)
MESSAGES = st.builds(
    Message,
    topic=TEXTS,
    payload=st.binary(min_size=1, max_size=50),
    qos=st.just(1),
    retain=st.booleans(),
    properties=PROPERTIES,
    expires=st.none() | st.floats(0, 1e12),
)
SUBSCRIPTIONS = st.builds(
    Subscription,
    filter=TEXTS,
    qos=st.integers(0, 1),
    no_local=st.booleans(),
    retain_as_published=st.booleans(),
    retain_handling=st.integers(0, 2),
)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(folder)
    try:
        yield store
    finally:
        store.close()


def content(message: Message) -> tuple[object, ...]:
    return (message.topic, message.payload, message.qos, message.properties, message.expires)


def sessions(store: Store) -> dict[str, KeptSession]:
    return {kept.client_id: kept for kept in store.sessions()}


def payloads(kept: KeptSession) -> list[bytes]:
    return [delivery.message.payload for delivery in kept.waiting]


def delivery(payload: bytes = b"1") -> Delivery:
    return Delivery(message=Message(topic="t", payload=payload, qos=1), qos=1, retain=False)


# The store.


@settings(max_examples=30)
@given(
    retained=st.lists(MESSAGES, max_size=4, unique_by=lambda message: message.topic),
    client_id=TEXTS,
    version=st.sampled_from(MqttVersion),
    subscriptions=st.lists(SUBSCRIPTIONS, max_size=4, unique_by=lambda subscription: subscription.filter),
    waiting=st.lists(st.tuples(MESSAGES, st.booleans()), max_size=4),
)
def test_what_is_kept_is_found_as_it_was(
    retained: list[Message],
    client_id: str,
    version: MqttVersion,
    subscriptions: list[Subscription],
    waiting: list[tuple[Message, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with opened(Path(folder)) as store:
            for message in retained:
                store.retain(message)
            store.open(client_id, version)
            store.expire(client_id, 12345.5)
            for subscription in subscriptions:
                store.subscribe(client_id, subscription)
            numbers = [
                store.keep(client_id, Delivery(message=message, qos=1, retain=retain)) for message, retain in waiting
            ]
        with opened(Path(folder)) as store:
            found = {message.topic: content(message) for message in store.retained()}
            assert found == {message.topic: content(message) for message in retained}
            (kept,) = store.sessions()
    assert (kept.client_id, kept.version, kept.expires) == (client_id, version, 12345.5)
    by_filter = {subscription.filter: asdict(subscription) for subscription in kept.subscriptions}
    assert by_filter == {subscription.filter: asdict(subscription) for subscription in subscriptions}
    assert [content(each.message) for each in kept.waiting] == [content(message) for message, _ in waiting]
    assert [(each.qos, each.retain) for each in kept.waiting] == [(1, retain) for _, retain in waiting]
    assert [each.stored for each in kept.waiting] == numbers


def test_what_is_forgotten_is_not_found(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.retain(Message(topic="t", payload=b"1"))
        store.retain(Message(topic="t", payload=b""))
        for name in ("a", "b"):
            store.open(name, V5)
            store.subscribe(name, Subscription(filter="t", qos=1))
        store.unsubscribe("a", "t")
        number = store.keep("a", delivery())
        assert number is not None
        store.settle(number)
        store.keep("b", delivery())
        store.forget("b")
    with opened(tmp_path) as store:
        assert list(store.retained()) == []
        (kept,) = store.sessions()
        assert (kept.client_id, kept.subscriptions, kept.waiting) == ("a", (), ())


@pytest.mark.fact("E37")
def test_a_session_that_the_end_of_the_gateway_cut_is_kept_for_an_hour(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.open("a", V5)
        store.expire("a", 1.0)
        store.expire("a", None)
    with opened(tmp_path) as store:
        before = time.time()
        (kept,) = store.sessions()
        assert before + 3600 <= kept.expires <= time.time() + 3600


def test_a_store_of_nothing_holds_nothing() -> None:
    store = NoStore()
    store.retain(Message(topic="t", payload=b"1"))
    store.open("a", V5)
    assert store.keep("a", delivery()) is None
    assert (list(store.retained()), list(store.sessions())) == ([], [])
    store.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "new" / "folder") as store:
        store.retain(Message(topic="t", payload=b"1"))
        store.commit()
        files = list((tmp_path / "new" / "folder").iterdir())
        assert "broker.sqlite" in [file.name for file in files]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


# Files that cannot be used.


def test_the_file_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "broker.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 2")
    before = file.read_bytes()
    with pytest.raises(ValueError, match="written by a later version of customauth; use that one"):
        SqliteStore(tmp_path)
    assert file.read_bytes()[100:] == before[100:]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broker.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(ValueError, match="file is not a database; choose another folder"):
        SqliteStore(tmp_path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broker.sqlite").mkdir()
    with pytest.raises(ValueError, match=r"broker\.sqlite: unable to open database file; choose another folder"):
        SqliteStore(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        SqliteStore(tmp_path / "file")


# Another process.

HOLDER = """
import sys, time
from pathlib import Path
from customauth.gateway.broker.contract import Delivery, Subscription
from customauth.gateway.broker.messages import Message
from customauth.gateway.broker.store import SqliteStore
from customauth.mqtt import MqttVersion

store = SqliteStore(Path(sys.argv[1]))
store.open("a", MqttVersion.V5)
store.subscribe("a", Subscription(filter="t", qos=1))
for number in range(200):
    store.keep("a", Delivery(message=Message(topic="t", payload=b"%d" % number, qos=1), qos=1, retain=False))
    if number == 99:
        store.commit()
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the file: 100 messages are committed, 100 are not."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_the_file_of_another_gateway_is_refused(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(ValueError, match="database is locked; end the other gateway, or choose"):
        SqliteStore(tmp_path)
    with opened(tmp_path) as store:
        assert list(sessions(store)) == ["a"]


def test_a_killed_process_leaves_what_it_had_committed(tmp_path: Path) -> None:
    with held(tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with opened(tmp_path) as store:
        assert payloads(sessions(store)["a"]) == [str(number).encode() for number in range(100)]


# Behind a router.


class Receiver:
    """A connected client, which acknowledges nothing by itself."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []

    def deliver(self, delivery: Delivery) -> None:
        self.got.append(delivery)

    def taken_over(self) -> None:
        raise AssertionError("nobody takes over here")


def enter(router: MemoryRouter, name: str, *, expiry: float = 3600.0) -> tuple[Receiver, list[bytes]]:
    receiver = Receiver()
    opened = router.open(name, receiver, version=V5, clean_start=False, expiry=expiry)
    return receiver, [each.message.payload for each in opened.waiting]


def kill(router: MemoryRouter) -> None:
    """End it as the end of the process would: nobody says goodbye, and what was not committed is gone."""
    store = router._store
    assert isinstance(store, SqliteStore)
    store._database.close()


@pytest.mark.fact("E37", "E41")
def test_a_router_goes_on_where_the_last_one_was_killed(tmp_path: Path) -> None:
    router = MemoryRouter(SqliteStore(tmp_path))
    receiver, _ = enter(router, "a")
    router.subscribe("a", Subscription(filter="t/+", qos=1))
    router.publish(Message(topic="t/kept", payload=b"retained", qos=1, retain=True))
    for number in range(5):
        router.publish(Message(topic="t/1", payload=b"%d" % number, qos=1))
    for taken in receiver.got[:3]:
        router.settle("a", taken)
    router.commit()
    router.publish(Message(topic="t/1", payload=b"never committed", qos=1))
    kill(router)

    router = MemoryRouter(SqliteStore(tmp_path))
    _, waiting = enter(router, "a")
    assert waiting == [b"2", b"3", b"4"]
    receiver, _ = enter(router, "b")
    (owed,) = router.subscribe("b", Subscription(filter="t/kept", qos=1))
    assert owed.message.payload == b"retained"
    router.publish(Message(topic="t/1", payload=b"new", qos=1))
    router.close_all()


@pytest.mark.fact("E37")
def test_a_client_that_came_back_outlives_the_expiry_of_its_last_connection(tmp_path: Path) -> None:
    # Two hours ago, by this router's clock.
    router = MemoryRouter(SqliteStore(tmp_path), clock=lambda: time.time() - 7200)
    receiver, _ = enter(router, "a")
    router.close("a", receiver, expiry=3600.0, unsettled=())
    enter(router, "a")
    router.commit()
    kill(router)
    router = MemoryRouter(SqliteStore(tmp_path))
    router.expire()
    assert "a" in router._clients
    router.close_all()


@pytest.mark.fact("E37")
def test_a_client_that_came_back_without_an_expiry_is_not_kept(tmp_path: Path) -> None:
    router = MemoryRouter(SqliteStore(tmp_path))
    receiver, _ = enter(router, "a")
    router.close("a", receiver, expiry=3600.0, unsettled=())
    enter(router, "a", expiry=0.0)
    router.commit()
    kill(router)
    router = MemoryRouter(SqliteStore(tmp_path))
    router.expire()
    assert router._clients == {}
    router.close_all()


@pytest.mark.fact("E41")
def test_a_retained_message_that_is_owed_with_qos_1_is_kept_until_it_is_settled(tmp_path: Path) -> None:
    router = MemoryRouter(SqliteStore(tmp_path))
    router.publish(Message(topic="t", payload=b"retained", qos=1, retain=True))
    enter(router, "a")
    router.subscribe("a", Subscription(filter="t", qos=1))
    router.commit()
    kill(router)
    router = MemoryRouter(SqliteStore(tmp_path))
    opened = router.open("a", Receiver(), version=V5, clean_start=False, expiry=3600.0)
    assert [(each.message.payload, each.retain) for each in opened.waiting] == [(b"retained", True)]
    router.close_all()


def test_nothing_is_left_in_the_file_of_what_is_settled_outdated_or_forgotten(tmp_path: Path) -> None:
    router = MemoryRouter(SqliteStore(tmp_path))
    receiver, _ = enter(router, "a")
    router.subscribe("a", Subscription(filter="t", qos=1))
    router.publish(Message(topic="t", payload=b"1", qos=1))
    router.settle("a", receiver.got[0])
    router.close("a", receiver, expiry=3600.0, unsettled=())
    router.publish(Message(topic="t", payload=b"2", qos=1, expires=time.time() - 1))
    receiver, waiting = enter(router, "a")
    assert waiting == []
    store = router._store
    assert isinstance(store, SqliteStore)
    count = "SELECT (SELECT count(*) FROM deliveries), (SELECT count(*) FROM sessions)"
    assert store._database.execute(count).fetchone() == (0, 1)
    router.close("a", receiver, expiry=0, unsettled=())
    assert store._database.execute(count).fetchone() == (0, 0)
    router.close_all()


def fill(store: SqliteStore) -> None:
    """Keep messages until the disk, which is small, is full."""

    def keep_on() -> None:
        while True:
            store.keep("c", delivery(bytes(100_000)))
            store.commit()

    with pytest.raises(StoreFailed, match="full"):
        keep_on()


def test_a_full_disk_is_told_and_when_there_is_room_again_all_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.open("c", V5)
        store.commit()
        store._database.execute("PRAGMA max_page_count = 200")
        fill(store)
        kept = len(sessions(store)["c"].waiting)
        store._database.execute("PRAGMA max_page_count = 100000")
        store.keep("c", delivery(b"after"))
        store.commit()
    with opened(tmp_path) as store:
        assert payloads(sessions(store)["c"])[kept:] == [b"after"]


def test_what_failed_takes_all_since_the_last_commit_with_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.open("c", V5)
        store.commit()
        store._database.execute("PRAGMA max_page_count = 60")
        store.keep("c", delivery(b"first"))
        for _ in range(10):
            store.keep("c", delivery(bytes(100_000)))
        with pytest.raises(StoreFailed):
            store.commit()
        store.commit()
        assert sessions(store)["c"].waiting == ()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE deliveries SET message = 'no JSON'",
        "UPDATE deliveries SET message = '{}'",
        "UPDATE sessions SET version = 9",
        "DROP TABLE subscriptions",
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, damage: str) -> None:
    with opened(tmp_path) as store:
        store.open("c", V5)
        store.keep("c", delivery())
        store.commit()
        store._database.execute(damage)
    store = SqliteStore(tmp_path)
    with pytest.raises(ValueError, match=r"is damaged .*remove it, or choose another folder"):
        store.sessions()
