"""Topic names, topic filters, and the tree that finds which filters a topic matches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customauth.gateway.broker.topics import Share, TopicTree, filter_fault, share_of, topic_fault

WORDS = st.sampled_from(["a", "b", "", "$aws", "é"])
TOPICS = st.lists(WORDS, min_size=1, max_size=4).map("/".join)
FILTERS = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(WORDS | st.just("+"), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
) | st.just("#")
# What happens to a tree: a filter comes, or goes, under one of three keys.
CHANGES = st.lists(st.tuples(st.booleans(), FILTERS, st.integers(0, 2)), max_size=20)


def matches(text: str, topic: str) -> bool:
    """Match by the rules as they are written, level by level."""
    wanted, levels = text.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        # E31: something has to stand for the #.
        if len(levels) <= len(wanted):
            return False
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(one in ("+", level) for one, level in zip(wanted, levels, strict=True))


def nodes(tree: TopicTree[int, str]) -> int:
    def count(node: Any) -> int:
        return 1 + sum(count(child) for child in node.children.values())

    return count(tree._root)


@pytest.mark.fact("E31")
@given(changes=CHANGES, topics=st.lists(TOPICS, min_size=1, max_size=4))
def test_the_tree_matches_as_the_rules_say_after_any_changes(
    changes: list[tuple[bool, str, int]], topics: list[str]
) -> None:
    tree: TopicTree[int, str] = TopicTree()
    there: set[tuple[str, int]] = set()
    for comes, text, key in changes:
        if comes:
            assert tree.set(text, key, text) == ((text, key) not in there)
            there.add((text, key))
        else:
            assert tree.discard(text, key) == ((text, key) in there)
            there.discard((text, key))
        # Between the changes too: what is remembered of a topic must not outlive them.
        for topic in topics:
            expected = sorted((key, text) for text, key in there if matches(text, topic))
            assert sorted(tree.match(topic)) == expected
            assert sorted(tree.match(topic)) == expected


@given(filters=st.lists(FILTERS, max_size=20), others=st.lists(FILTERS, max_size=5))
def test_what_is_taken_away_leaves_no_nodes(filters: list[str], others: list[str]) -> None:
    tree: TopicTree[int, str] = TopicTree()
    for text in filters:
        tree.set(text, 1, text)
    for text in others:
        tree.discard(text, 2)
    for text in filters:
        tree.discard(text, 1)
    assert nodes(tree) == 1


@pytest.mark.fact("E31")
@pytest.mark.parametrize(
    ("text", "topic", "matched"),
    [
        ("a/#", "a", False),
        ("a/#", "a/", True),
        ("a/#", "a/b", True),
        ("a/#", "a/b/c", True),
        ("#", "a", True),
        ("#", "/", True),
        ("+", "a", True),
        ("+", "a/b", False),
        ("+/b", "/b", True),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("a/+/#", "a/b", False),
        ("a/+/#", "a/b/c", True),
        ("A", "a", False),
        ("#", "$aws/events", False),
        ("+/events", "$aws/events", False),
        ("$aws/#", "$aws/events/x", True),
        ("$aws/+", "$aws/events", True),
        ("a/#", "a/$aws", True),
    ],
)
def test_wildcards_stand_for_levels(text: str, topic: str, matched: bool) -> None:
    tree: TopicTree[int, str] = TopicTree()
    tree.set(text, 1, "")
    assert bool(tree.match(topic)) == matched


def test_a_key_may_have_its_value_changed() -> None:
    tree: TopicTree[int, str] = TopicTree()
    assert tree.set("a", 1, "old")
    assert tree.match("a") == [(1, "old")]
    assert not tree.set("a", 1, "new")
    assert tree.match("a") == [(1, "new")]


def test_more_topics_than_are_remembered_are_matched_as_well() -> None:
    tree: TopicTree[int, str] = TopicTree()
    tree.set("+", 1, "")
    for number in range(60_000):
        assert tree.match(str(number)) == [(1, "")]
    assert len(tree._cache) < 60_000


def test_a_topic_of_very_many_levels_is_matched() -> None:
    tree: TopicTree[int, str] = TopicTree()
    tree.set("+/" * 20 + "#", 1, "")
    assert tree.match("/" * 60_000) == [(1, "")]


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("a", None),
        ("/", None),
        ("a//b", None),
        ("é", None),
        pytest.param("x" * 256, None, marks=pytest.mark.fact("E22")),
        pytest.param("x" * 257, "256 bytes", marks=pytest.mark.fact("E22")),
        pytest.param("é" * 128, None, marks=pytest.mark.fact("E22")),
        pytest.param("é" * 129, "256 bytes", marks=pytest.mark.fact("E22")),
        pytest.param("a/b/c/d/e/f/g/h", None, marks=pytest.mark.fact("E22")),
        pytest.param("a/b/c/d/e/f/g/h/i", "7 slashes", marks=pytest.mark.fact("E22")),
        pytest.param("$aws/rules/rule/a/b/c/d/e/f/g/h", None, marks=pytest.mark.fact("E22", "E44")),
        pytest.param("$aws/rules/rule/a/b/c/d/e/f/g/h/i", "7 slashes", marks=pytest.mark.fact("E22")),
        pytest.param("$aws/rules/rule/" + "x" * 256, None, marks=pytest.mark.fact("E22")),
        pytest.param("$aws/rules/rule/" + "x" * 257, "256 bytes", marks=pytest.mark.fact("E22")),
        ("", "empty"),
        ("a\0", "U+0000"),
        pytest.param("a/+", "wildcard", marks=pytest.mark.fact("E32")),
        pytest.param("#", "wildcard", marks=pytest.mark.fact("E32")),
        pytest.param("a+b", "wildcard", marks=pytest.mark.fact("E32")),
        pytest.param("$aws/things/t/shadow/update", None, marks=pytest.mark.fact("E44")),
        pytest.param("$aws/things/t/shadow/name/n/get", None, marks=pytest.mark.fact("E44")),
        pytest.param("$aws/events/presence/connected/x", "reserved", marks=pytest.mark.fact("E44")),
        pytest.param("$SYS/a", "reserved", marks=pytest.mark.fact("E44")),
        pytest.param("$", "reserved", marks=pytest.mark.fact("E44")),
        pytest.param("$share/g/a", "reserved", marks=pytest.mark.fact("E44")),
    ],
)
def test_a_topic_that_cannot_be_published_to_says_why(topic: str, words: str | None) -> None:
    fault = topic_fault(topic)
    assert (fault is None) if words is None else (fault is not None and words in fault)


@pytest.mark.fact("E41")
def test_a_reserved_topic_cannot_be_retained() -> None:
    assert topic_fault("a", retain=True) is None
    assert "E41" in str(topic_fault("$aws/things/t/shadow/update", retain=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a", None),
        ("#", None),
        ("+", None),
        ("+/+/#", None),
        ("/#", None),
        pytest.param("x" * 256, None, marks=pytest.mark.fact("E22")),
        pytest.param("x" * 257, "256 bytes", marks=pytest.mark.fact("E22")),
        pytest.param("+/" * 7 + "#", None, marks=pytest.mark.fact("E22")),
        pytest.param("+/" * 8 + "#", "7 slashes", marks=pytest.mark.fact("E22")),
        ("", "empty"),
        ("a\0", "U+0000"),
        ("a+", "whole level"),
        ("a/+b/c", "whole level"),
        ("#/a", "at the end"),
        ("a#", "at the end"),
        ("a/#/b", "at the end"),
        ("a/b#", "at the end"),
        pytest.param("$aws/events/#", None, marks=pytest.mark.fact("E44")),
        pytest.param("$aws/things/+/shadow/update/delta", None, marks=pytest.mark.fact("E44")),
        pytest.param("$SYS/#", "reserved", marks=pytest.mark.fact("E44")),
        pytest.param("$aws", "reserved", marks=pytest.mark.fact("E44")),
        pytest.param("$share", "reserved", marks=pytest.mark.fact("E43", "E44")),
        pytest.param("$share/g/a", None, marks=pytest.mark.fact("E43")),
        pytest.param("$share/g/#", None, marks=pytest.mark.fact("E43")),
        pytest.param("$share/g/" + "x" * 256, None, marks=pytest.mark.fact("E22")),
        pytest.param("$share/g/" + "x" * 257, "256 bytes", marks=pytest.mark.fact("E22")),
        pytest.param("$share/g/" + "a/" * 7 + "a", None, marks=pytest.mark.fact("E22")),
        pytest.param("$share/g/" + "a/" * 8 + "a", "7 slashes", marks=pytest.mark.fact("E22")),
        pytest.param("$share/" + "g" * 128 + "/a", None, marks=pytest.mark.fact("E22")),
        pytest.param("$share/" + "g" * 129 + "/a", "128 characters", marks=pytest.mark.fact("E22")),
        pytest.param("$share/g", "$share/GROUP/FILTER", marks=pytest.mark.fact("E43")),
        pytest.param("$share/g/", "$share/GROUP/FILTER", marks=pytest.mark.fact("E43")),
        pytest.param("$share//a", "$share/GROUP/FILTER", marks=pytest.mark.fact("E43")),
        pytest.param("$share/g+/a", "$share/GROUP/FILTER", marks=pytest.mark.fact("E22", "E43")),
        pytest.param("$share/#/a", "$share/GROUP/FILTER", marks=pytest.mark.fact("E22", "E43")),
        pytest.param("$share/g/a#", "at the end", marks=pytest.mark.fact("E43")),
        pytest.param("$share/g/$SYS/a", "reserved", marks=pytest.mark.fact("E43", "E44")),
    ],
)
def test_a_filter_that_cannot_be_subscribed_to_says_why(text: str, words: str | None) -> None:
    fault = filter_fault(text)
    assert (fault is None) if words is None else (fault is not None and words in fault)


@pytest.mark.fact("E43")
def test_a_shared_subscription_is_its_group_and_its_filter() -> None:
    assert share_of("$share/group/a/+/c") == Share(group="group", filter="a/+/c")
    assert share_of("a/$share/b") is None


@given(text=st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    if topic_fault(text) is None:
        # Whoever may publish to it may subscribe to it.
        assert filter_fault(text) is None
    filter_fault("$share/" + text)


def test_the_matches_that_are_kept_are_bounded_whatever_their_length() -> None:
    tree: TopicTree[int, None] = TopicTree()
    for key in range(1000):
        tree.set("+/#", key, None)
    for number in range(500):
        assert len(tree.match(f"a/{number}")) == 1000
    assert sum(1 + len(found) for found in tree._cache.values()) <= 100_000
