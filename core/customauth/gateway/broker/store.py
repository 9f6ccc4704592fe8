"""What outlives the gateway's process: retained messages, persistent sessions and their messages, in SQLite."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from attrs import field, frozen

from customauth.gateway.broker.contract import Delivery, Subscription
from customauth.gateway.broker.messages import Message
from customauth.mqtt import MqttVersion, Properties, Property

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE retained (topic TEXT PRIMARY KEY, message BLOB NOT NULL, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (client_id TEXT PRIMARY KEY, version INTEGER NOT NULL, expires REAL) WITHOUT ROWID;
CREATE TABLE subscriptions (
    client_id TEXT NOT NULL, filter TEXT NOT NULL, options TEXT NOT NULL, PRIMARY KEY (client_id, filter)
) WITHOUT ROWID;
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, client_id TEXT NOT NULL, message TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX deliveries_of ON deliveries (client_id);
"""
# How long a session whose connection was cut by the end of the gateway is kept, in seconds (E37).
_DEFAULT_EXPIRY = 3600
# How long to wait for a gateway that is just ending, in seconds.
_LOCK_PATIENCE = 1.0


@frozen(kw_only=True)
class KeptSession:
    """A session as it was found.

    :ivar expires: in seconds since the epoch.
    """

    client_id: str
    version: MqttVersion
    expires: float
    subscriptions: tuple[Subscription, ...]
    waiting: tuple[Delivery, ...] = field(repr=False)


class StoreFailed(Exception):
    """What was to be kept could not be written, as on a full disk."""


class Store(Protocol):
    """Where a router keeps what has to outlive the process."""

    def retained(self) -> Iterable[Message]:
        """Return the retained messages."""

    def sessions(self) -> Iterable[KeptSession]:
        """Return the sessions, with the messages that wait."""

    def retain(self, message: Message) -> None:
        """Keep a retained message; one without a payload takes the last one away."""

    def open(self, client_id: str, version: MqttVersion) -> None:
        """Begin to keep a session."""

    def expire(self, client_id: str, expires: float | None) -> None:
        """Say until when a session is kept, in seconds since the epoch; None while its client is connected."""

    def subscribe(self, client_id: str, subscription: Subscription) -> None:
        """Keep a subscription of a session."""

    def unsubscribe(self, client_id: str, text: str) -> None:
        """Forget a subscription."""

    def keep(self, client_id: str, delivery: Delivery) -> int | None:
        """Keep a message for a session; return its number, None when nothing is kept."""

    def settle(self, number: int) -> None:
        """Forget a message."""

    def forget(self, client_id: str) -> None:
        """Forget a session and all that belongs to it."""

    def commit(self) -> None:
        """Write what was kept and forgotten so far."""

    def close(self) -> None:
        """Write, and let go of the file."""


class NoStore:
    """Keeps nothing: sessions and messages end with the process."""

    def retained(self) -> Iterable[Message]:
        """There are none."""
        return ()

    def sessions(self) -> Iterable[KeptSession]:
        """There are none."""
        return ()

    def retain(self, message: Message) -> None:
        """Do nothing."""

    def open(self, client_id: str, version: MqttVersion) -> None:
        """Do nothing."""

    def expire(self, client_id: str, expires: float | None) -> None:
        """Do nothing."""

    def subscribe(self, client_id: str, subscription: Subscription) -> None:
        """Do nothing."""

    def unsubscribe(self, client_id: str, text: str) -> None:
        """Do nothing."""

    def keep(self, client_id: str, delivery: Delivery) -> int | None:
        """Do nothing."""
        return None

    def settle(self, number: int) -> None:
        """Do nothing."""

    def forget(self, client_id: str) -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SqliteStore:
    """Keep it in a file of a folder.

    Nothing is lost when the process is killed: :meth:`commit` hands everything to the operating system. When the
    machine itself fails, the last moments may be lost.

    :raises OSError: when the folder cannot be made.
    :raises ValueError: when another gateway has the file open, a later version wrote it, or it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "broker.sqlite"
        self._dirty = False
        self._failure: sqlite3.Error | None = None
        try:
            self._database = sqlite3.connect(self._file, isolation_level=None, timeout=_LOCK_PATIENCE)
        except sqlite3.Error as error:
            raise ValueError(f"{self._file}: {error}; choose another folder") from error
        try:
            # Messages are what their publishers think they are: nobody else's to read.
            self._file.chmod(0o600)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._prepare()
        except sqlite3.Error as error:
            self._database.close()
            locked = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            mend = "end the other gateway, or choose another folder" if locked else "choose another folder"
            raise ValueError(f"{self._file}: {error}; {mend}") from error
        except BaseException:
            self._database.close()
            raise

    def retained(self) -> Iterable[Message]:
        """Return the retained messages.

        :raises ValueError: when the file is damaged.
        """
        with self._readable():
            rows = self._database.execute("SELECT message, payload FROM retained")
            return [_message(message, payload) for message, payload in rows]

    def sessions(self) -> Iterable[KeptSession]:
        """Return the sessions, with the messages that wait.

        :raises ValueError: when the file is damaged.
        """
        with self._readable():
            return list(self._sessions())

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            self._database.close()
            raise ValueError(f"{self._file} is damaged ({error}); remove it, or choose another folder") from error

    def _sessions(self) -> Iterator[KeptSession]:
        for client_id, version, expires in self._database.execute(
            "SELECT client_id, version, expires FROM sessions"
        ).fetchall():
            options = self._database.execute("SELECT options FROM subscriptions WHERE client_id = ?", (client_id,))
            waiting = self._database.execute(
                "SELECT number, message, payload FROM deliveries WHERE client_id = ? ORDER BY number", (client_id,)
            )
            yield KeptSession(
                client_id=client_id,
                version=MqttVersion(version),
                expires=time.time() + _DEFAULT_EXPIRY if expires is None else expires,
                subscriptions=tuple(Subscription(**json.loads(text)) for (text,) in options),
                waiting=tuple(_delivery(*row) for row in waiting),
            )

    def retain(self, message: Message) -> None:
        """Keep a retained message; one without a payload takes the last one away."""
        if message.payload:
            row = (message.topic, _text(message, retain=True), message.payload)
            self._do("INSERT OR REPLACE INTO retained VALUES (?, ?, ?)", row)
        else:
            self._do("DELETE FROM retained WHERE topic = ?", (message.topic,))

    def open(self, client_id: str, version: MqttVersion) -> None:
        """Begin to keep a session."""
        self._do("INSERT OR REPLACE INTO sessions VALUES (?, ?, NULL)", (client_id, int(version)))

    def expire(self, client_id: str, expires: float | None) -> None:
        """Say until when a session is kept, in seconds since the epoch; None while its client is connected."""
        self._do("UPDATE sessions SET expires = ? WHERE client_id = ?", (expires, client_id))

    def subscribe(self, client_id: str, subscription: Subscription) -> None:
        """Keep a subscription of a session."""
        options = {
            "filter": subscription.filter,
            "qos": subscription.qos,
            "no_local": subscription.no_local,
            "retain_as_published": subscription.retain_as_published,
            "retain_handling": subscription.retain_handling,
        }
        row = (client_id, subscription.filter, json.dumps(options))
        self._do("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)", row)

    def unsubscribe(self, client_id: str, text: str) -> None:
        """Forget a subscription."""
        self._do("DELETE FROM subscriptions WHERE client_id = ? AND filter = ?", (client_id, text))

    def keep(self, client_id: str, delivery: Delivery) -> int | None:
        """Keep a message for a session; return its number."""
        message = delivery.message
        return self._do(
            "INSERT INTO deliveries (client_id, message, payload) VALUES (?, ?, ?)",
            (client_id, _text(message, retain=delivery.retain), message.payload),
        )

    def settle(self, number: int) -> None:
        """Forget a message."""
        self._do("DELETE FROM deliveries WHERE number = ?", (number,))

    def forget(self, client_id: str) -> None:
        """Forget a session and all that belongs to it."""
        for table in ("sessions", "subscriptions", "deliveries"):
            self._do(f"DELETE FROM {table} WHERE client_id = ?", (client_id,))  # noqa: S608 - a name of ours

    def commit(self) -> None:
        """Write what was kept and forgotten so far.

        :raises StoreFailed: when something of it could not be written; then nothing since the last time is.
        """
        if self._dirty and self._failure is None:
            try:
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                self._failure = error
        failure, self._failure, self._dirty = self._failure, None, False
        if failure is not None:
            # SQLite has rolled back by itself after some errors, and after others it has not.
            with contextlib.suppress(sqlite3.Error):
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
            raise StoreFailed(f"{self._file}: {failure}") from failure

    def close(self) -> None:
        """Write, and let go of the file.

        :raises StoreFailed: as :meth:`commit` does; the file is let go of all the same.
        """
        try:
            self.commit()
        finally:
            self._database.close()

    def _do(self, statement: str, values: tuple[object, ...]) -> int | None:
        """Do a part of what the next commit writes; a failure is told there, before anybody relies on it."""
        if self._failure is not None:
            return None
        try:
            if not self._dirty:
                self._database.execute("BEGIN")
                self._dirty = True
            return self._database.execute(statement, values).lastrowid
        except sqlite3.Error as error:
            self._failure, self._dirty = error, True
            return None

    def _prepare(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > _SCHEMA_VERSION:
            raise ValueError(f"{self._file} was written by a later version of customauth; use that one")
        if version == 0:
            self._database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")


def _delivery(number: int, text: str, payload: bytes) -> Delivery:
    message = _message(text, payload)
    return Delivery(message=message, qos=1, retain=message.retain, stored=number)


def _text(message: Message, *, retain: bool) -> str:
    """Return all of a message but its payload, as JSON.

    :param retain: the flag that its receiver is to see.
    """
    content = {
        "topic": message.topic,
        "qos": message.qos,
        "retain": retain,
        "expires": message.expires,
        "properties": {str(int(key)): _plain(value) for key, value in message.properties.items()},
    }
    return json.dumps(content)


def _message(text: str, payload: bytes) -> Message:
    content: dict[str, Any] = json.loads(text)
    properties: Properties = {Property(int(key)): _value(value) for key, value in content["properties"].items()}
    return Message(
        topic=content["topic"],
        payload=payload,
        qos=content["qos"],
        retain=content["retain"],
        properties=properties,
        expires=content["expires"],
    )


def _plain(value: object) -> object:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return [(name, text) for name, text in value] if isinstance(value, list) else value
