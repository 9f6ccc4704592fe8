"""The router in memory: who gets which message. The clients are recorders, the clock is the test's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from customauth.gateway.broker import memory
from customauth.gateway.broker.contract import Delivery, Subscription
from customauth.gateway.broker.memory import MemoryRouter
from customauth.gateway.broker.messages import Message
from customauth.gateway.broker.store import NoStore
from customauth.mqtt import MqttVersion

V311, V5 = MqttVersion.V311, MqttVersion.V5
HOUR = 3600.0


@define(eq=False)
class Client:
    """A connected client: what it got."""

    router: MemoryRouter
    name: str
    present: bool = False
    got: list[Delivery] = field(factory=list)
    replaced: int = 0
    expiry: float = 0.0
    unsettled: tuple[Delivery, ...] = ()

    def deliver(self, delivery: Delivery) -> None:
        self.got.append(delivery)

    def taken_over(self) -> None:
        self.replaced += 1
        self.leave(*self.unsettled)

    def subscribe(self, text: str, qos: int = 1, **how: Any) -> tuple[Delivery, ...]:
        return self.router.subscribe(self.name, Subscription(filter=text, qos=qos, **how))

    def unsubscribe(self, text: str) -> None:
        self.router.unsubscribe(self.name, text)

    def leave(self, *unsettled: Delivery, expiry: float | None = None) -> None:
        wanted = self.expiry if expiry is None else expiry
        self.router.close(self.name, self, expiry=wanted, unsettled=unsettled)

    @property
    def seen(self) -> list[tuple[str, bytes, int, bool]]:
        return [shown(delivery) for delivery in self.got]


def shown(delivery: Delivery) -> tuple[str, bytes, int, bool]:
    return (delivery.message.topic, delivery.message.payload, delivery.qos, delivery.retain)


@define
class World:
    """A router, its clock, and its clients."""

    now: float = 1_000_000.0
    time_scale: float = 1.0
    router: MemoryRouter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.router = MemoryRouter(NoStore(), time_scale=self.time_scale, clock=lambda: self.now)

    def enter(self, name: str = "c", *, version: MqttVersion = V5, clean: bool = False, expiry: float = 0.0) -> Client:
        client = Client(self.router, name, expiry=expiry)
        opened = self.router.open(name, client, version=version, clean_start=clean, expiry=expiry)
        client.present = opened.session_present
        client.got += opened.waiting
        return client

    def publish(self, topic: str = "t", payload: bytes = b"1", qos: int = 1, **how: Any) -> None:
        self.router.publish(Message(topic=topic, payload=payload, qos=qos, **how))


@pytest.fixture
def world() -> World:
    return World()


# Who gets it, and how.


@pytest.mark.parametrize(("published", "subscribed", "got"), [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1)])
def test_a_message_comes_with_the_lower_qos(published: int, subscribed: int, got: int, world: World) -> None:
    client = world.enter()
    client.subscribe("t", subscribed)
    world.publish(qos=published)
    assert client.seen == [("t", b"1", got, False)]


@given(filters=st.lists(st.sampled_from(["a/b", "a/+", "+/b", "#", "a/#", "c"]), unique=True), data=st.data())
def test_overlapping_subscriptions_deliver_once_with_the_highest_qos(filters: list[str], data: st.DataObject) -> None:
    world = World()
    client = world.enter()
    granted = {}
    for text in filters:
        granted[text] = data.draw(st.integers(0, 1))
        client.subscribe(text, granted[text])
    world.publish("a/b")
    matching = [qos for text, qos in granted.items() if text != "c"]
    assert [delivery.qos for delivery in client.got] == ([max(matching)] if matching else [])


def test_a_subscription_that_comes_again_replaces_the_first(world: World) -> None:
    client = world.enter()
    client.subscribe("t", 1)
    client.subscribe("t", 0)
    world.publish()
    assert client.seen == [("t", b"1", 0, False)]
    assert list(world.router.subscriptions("c")) == ["t"]


def test_nothing_comes_after_an_unsubscribe(world: World) -> None:
    client = world.enter()
    client.subscribe("t")
    client.unsubscribe("t")
    client.unsubscribe("never subscribed")
    world.publish()
    assert client.got == []


def test_a_client_with_no_local_gets_nothing_of_its_own(world: World) -> None:
    client, other = world.enter(), world.enter("other")
    client.subscribe("t", no_local=True)
    other.subscribe("t", no_local=True)
    world.publish(publisher="c")
    assert (client.got, len(other.got)) == ([], 1)


def test_another_subscription_brings_its_own_message_to_a_client_with_no_local(world: World) -> None:
    client = world.enter()
    client.subscribe("t", 1, no_local=True)
    client.subscribe("+", 0)
    world.publish(publisher="c")
    assert client.seen == [("t", b"1", 0, False)]


@pytest.mark.parametrize(("as_published", "sent", "seen"), [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1)])
def test_the_retain_flag_is_kept_where_the_client_asks_for_it(
    as_published: int, sent: int, seen: int, world: World
) -> None:
    client = world.enter()
    client.subscribe("t", retain_as_published=bool(as_published))
    world.publish(retain=bool(sent))
    assert [delivery.retain for delivery in client.got] == [bool(seen)]


def test_a_client_that_is_gone_costs_nobody_a_message(world: World) -> None:
    first, second = world.enter("first"), world.enter("second")
    for client in (first, second):
        client.subscribe("t")
    first.leave()
    world.publish()
    assert (first.got, len(second.got)) == ([], 1)


# Retained messages.


@pytest.mark.fact("E41")
def test_a_retained_message_comes_to_whoever_subscribes_to_its_very_topic(world: World) -> None:
    world.publish(payload=b"old", retain=True)
    world.publish(payload=b"new", qos=0, retain=True)
    client = world.enter()
    assert [shown(each) for each in client.subscribe("t")] == [("t", b"new", 0, True)]


@pytest.mark.fact("E41")
@pytest.mark.parametrize("text", ["#", "+", "a/+", "a/#", "$share/g/a/b"])
def test_no_wildcard_and_no_shared_filter_brings_a_retained_message(text: str, world: World) -> None:
    world.publish("a/b", retain=True)
    world.publish("a", retain=True)
    assert world.enter().subscribe(text) == ()


@pytest.mark.parametrize(("handling", "first", "again"), [(0, 1, 1), (1, 1, 0), (2, 0, 0)])
def test_retain_handling_decides_which_subscription_is_owed(
    handling: int, first: int, again: int, world: World
) -> None:
    world.publish(retain=True)
    client = world.enter()
    assert len(client.subscribe("t", retain_handling=handling)) == first
    assert len(client.subscribe("t", retain_handling=handling)) == again


@pytest.mark.fact("E41")
def test_an_empty_retained_message_deletes_and_is_forwarded(world: World) -> None:
    client = world.enter()
    client.subscribe("t")
    world.publish(retain=True)
    world.publish(payload=b"", retain=True)
    assert [each.message.payload for each in client.got] == [b"1", b""]
    assert world.enter("other").subscribe("t") == ()


@pytest.mark.fact("E40")
def test_a_retained_message_whose_time_is_over_is_forgotten(world: World) -> None:
    world.publish(retain=True, expires=world.now + 10)
    client = world.enter()
    assert len(client.subscribe("t")) == 1
    world.now += 10
    assert client.subscribe("t") == ()
    assert world.router._retained == {}


# Shared subscriptions.


@pytest.mark.fact("E43")
def test_each_group_gets_a_message_once_and_all_its_members_have_their_turn(world: World) -> None:
    members = [world.enter(str(number), version=(V311, V5)[number % 2]) for number in range(4)]
    for member in members:
        member.subscribe("$share/g/t/+")
    alone = world.enter("alone")
    alone.subscribe("$share/other/t/+")
    plain = world.enter("plain")
    plain.subscribe("t/1")
    for _ in range(200):
        world.publish("t/1")
    assert sum(len(member.got) for member in members) == len(alone.got) == len(plain.got) == 200
    # Each of them by chance: that one gets none of 200 happens once in 10**25.
    assert all(member.got for member in members)


@pytest.mark.fact("E43")
def test_the_same_group_of_another_filter_is_another_group(world: World) -> None:
    client = world.enter()
    client.subscribe("$share/g/t")
    client.subscribe("$share/g/+")
    world.publish()
    assert len(client.got) == 2


@pytest.mark.fact("E43")
def test_a_group_prefers_who_is_there_and_waits_for_who_is_not(world: World) -> None:
    away = world.enter("away", expiry=HOUR)
    away.subscribe("$share/g/t")
    away.leave()
    here = world.enter("here")
    here.subscribe("$share/g/t")
    for _ in range(20):
        world.publish()
    assert len(here.got) == 20
    here.leave()
    world.publish(payload=b"later")
    assert world.enter("away", expiry=HOUR).seen == [("t", b"later", 1, False)]


@pytest.mark.fact("E43")
def test_a_group_whose_last_member_is_gone_is_gone(world: World) -> None:
    first, second = world.enter("first"), world.enter("second")
    for client in (first, second):
        client.subscribe("$share/g/t")
    first.unsubscribe("$share/g/t")
    second.leave()
    world.publish()
    assert (first.got, second.got, world.router._groups) == ([], [], {})


# Sessions.


@pytest.mark.fact("E37", "E38")
def test_a_persistent_session_keeps_subscriptions_and_messages_of_qos_1(world: World) -> None:
    client = world.enter(expiry=HOUR)
    client.subscribe("t/+")
    client.leave()
    world.publish("t/1")
    world.publish("t/2", qos=0)
    world.publish("t/3")
    back = world.enter(expiry=HOUR)
    assert back.present
    assert [topic for topic, *_ in back.seen] == ["t/1", "t/3"]
    world.publish("t/4")
    assert [topic for topic, *_ in back.seen] == ["t/1", "t/3", "t/4"]


def test_what_was_not_acknowledged_comes_again_and_first(world: World) -> None:
    client = world.enter(expiry=HOUR)
    client.subscribe("t")
    world.publish(payload=b"1")
    client.leave(*client.got)
    world.publish(payload=b"2")
    assert [payload for _, payload, *_ in world.enter(expiry=HOUR).seen] == [b"1", b"2"]


@pytest.mark.fact("E37")
def test_without_an_expiry_nothing_is_kept(world: World) -> None:
    client = world.enter()
    client.subscribe("t")
    client.leave()
    world.publish()
    back = world.enter()
    world.publish()
    assert (back.present, back.got) == (False, [])


@pytest.mark.fact("E37")
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_a_session_is_kept_until_it_expires(scale: float) -> None:
    world = World(time_scale=scale)
    client = world.enter(expiry=HOUR)
    client.subscribe("t")
    client.leave()
    world.now += HOUR / scale - 1
    back = world.enter(expiry=HOUR)
    assert back.present
    back.leave()
    world.now += HOUR / scale
    world.publish()
    later = world.enter(expiry=HOUR)
    assert (later.present, later.got) == (False, [])


@pytest.mark.fact("E37")
def test_an_expired_session_is_swept_away(world: World) -> None:
    client = world.enter(expiry=HOUR)
    client.subscribe("t")
    client.leave()
    world.router.expire()
    assert "c" in world.router._clients
    world.now += HOUR
    world.router.expire()
    assert world.router._clients == {}
    assert world.router._tree.match("t") == []


@pytest.mark.fact("E37")
def test_no_session_is_resumed_across_versions(world: World) -> None:
    client = world.enter(version=V311, expiry=HOUR)
    client.subscribe("t")
    client.leave()
    world.publish()
    back = world.enter(version=V5, expiry=HOUR)
    world.publish()
    assert (back.present, back.got) == (False, [])


def test_a_clean_start_begins_anew(world: World) -> None:
    client = world.enter(expiry=HOUR)
    client.subscribe("t")
    client.leave()
    world.publish()
    back = world.enter(clean=True, expiry=HOUR)
    world.publish()
    assert (back.present, back.got) == (False, [])


@pytest.mark.fact("E15")
def test_a_client_id_that_connects_again_takes_the_session_over(world: World) -> None:
    old = world.enter(expiry=HOUR)
    old.subscribe("t")
    world.publish(payload=b"1")
    old.unsettled = tuple(old.got)
    new = world.enter(expiry=HOUR)
    assert (old.replaced, new.present, new.seen) == (1, True, [("t", b"1", 1, False)])
    # The old connection may notice its end only now; that must not harm the new one.
    old.leave(expiry=0)
    world.publish(payload=b"2")
    assert (len(old.got), len(new.got)) == (1, 2)


@pytest.mark.fact("E15")
def test_a_client_id_without_a_session_takes_over_nothing_but_the_name(world: World) -> None:
    old = world.enter()
    old.subscribe("t")
    new = world.enter()
    world.publish()
    assert (old.replaced, old.got, new.present, new.got) == (1, [], False, [])


@pytest.mark.fact("E40")
def test_a_message_whose_time_is_over_does_not_wait_any_longer(world: World) -> None:
    client = world.enter(expiry=HOUR)
    client.subscribe("t")
    client.leave()
    world.publish(payload=b"short", expires=world.now + 10)
    world.publish(payload=b"long", expires=world.now + 20)
    world.now += 10
    assert [payload for _, payload, *_ in world.enter(expiry=HOUR).seen] == [b"long"]


@pytest.mark.parametrize(
    ("publish", "kept"),
    [
        (lambda world: [world.publish() for _ in range(memory._MAX_WAITING + 1)], memory._MAX_WAITING),
        (lambda world: [world.publish(payload=bytes(1 << 20)) for _ in range(65)], 64),
    ],
    ids=["too many", "too large"],
)
def test_what_waits_for_a_client_is_bounded(
    publish: Callable[[World], object], kept: int, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    client = world.enter(expiry=HOUR)
    client.subscribe("t")
    client.leave()
    publish(world)
    assert f"a message for 'c': {kept} wait for it already" in caplog.text
    back = world.enter(expiry=HOUR)
    assert len(back.got) == kept
    # There is room again.
    back.leave()
    world.publish()
    assert len(world.enter(expiry=HOUR).got) == 1


# Everything together, against the rules written down once more.

NAMES = st.sampled_from(["x", "y"])
TEXTS = st.sampled_from(["a", "b", "+"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), NAMES, st.booleans()),
        st.tuples(st.just("leave"), NAMES, st.booleans()),
        st.tuples(st.just("subscribe"), NAMES, TEXTS),
        st.tuples(st.just("unsubscribe"), NAMES, TEXTS),
        st.tuples(st.just("publish"), st.sampled_from(["a", "b"]), st.none()),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_no_message_of_a_session_is_lost_or_doubled_whatever_happens(steps: list[tuple[str, str, Any]]) -> None:
    world = World()
    here: dict[str, Client] = {}
    filters: dict[str, set[str]] = {}
    owed: dict[str, list[bytes]] = {"x": [], "y": []}
    got: dict[str, list[bytes]] = {"x": [], "y": []}

    def take(name: str) -> None:
        got[name] += [delivery.message.payload for delivery in here[name].got]
        here[name].got.clear()

    for number, (what, name, more) in enumerate(steps):
        if what == "enter":
            if name in here:
                take(name)
            here[name] = world.enter(name, clean=more, expiry=HOUR)
            assert here[name].present == (name in filters and not more)
            if more:
                filters[name] = set()
                owed[name] = list(got[name])
            filters.setdefault(name, set())
        elif what == "publish":
            payload = str(number).encode()
            world.publish(name, payload)
            for each, texts in filters.items():
                if texts & {name, "+"}:
                    owed[each].append(payload)
        elif name not in here:
            continue
        elif what == "leave":
            take(name)
            here.pop(name).leave(expiry=HOUR if more else 0)
            if not more:
                del filters[name]
        elif what == "subscribe":
            here[name].subscribe(more)
            filters[name].add(more)
        else:
            here[name].unsubscribe(more)
            filters[name].discard(more)
    for name in filters:
        if name not in here:
            here[name] = world.enter(name, expiry=HOUR)
        take(name)
        assert got[name] == owed[name]
