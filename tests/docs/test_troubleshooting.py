"""The page on troubleshooting: that it is what its generator makes now, complete and with links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import evolve

import troubleshooting
from customauth.rules import RULES

ROOT = Path(__file__).parents[2]
FACTS = (
    "# Facts\n\n## A. One\n\n### A.1 Two & three\n- **A1** a\n| **A2** | b |\n\n## F. Four\n- **F1** c\n- **F3** d\n"
)


def test_the_page_is_what_the_rules_make_now(capsys: pytest.CaptureFixture[str]) -> None:
    if troubleshooting.main(["--check"]) != 0:
        pytest.fail(capsys.readouterr().err, pytrace=False)


def test_every_rule_is_in_the_page_and_reached_from_its_symptom() -> None:
    page = (ROOT / troubleshooting.PAGE).read_text(encoding="utf-8")
    for rule in RULES.values():
        assert page.count(f"\n### {rule.key}\n") == 1
        assert page.count(f"](#{rule.key})\n") == 1


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = (ROOT / troubleshooting.PAGE).read_text(encoding="utf-8")
    defined = set(re.findall(r"^\[([A-J][0-9]+)\]: facts\.md#.", page, re.MULTILINE))
    assert set(re.findall(r"(?<!\\)\[([A-J][0-9]+)\]", page)) == defined
    assert "facts.md#\n" not in page


def test_a_fact_is_found_under_the_heading_above_it() -> None:
    assert troubleshooting.anchors(FACTS) == {
        "A1": "facts.md#a1-two--three",
        "A2": "facts.md#a1-two--three",
        "F1": "facts.md#f-four",
        "F3": "facts.md#f-four",
    }


def test_a_rule_that_points_to_no_fact_is_refused() -> None:
    rule = evolve(RULES["will-qos2"], sources=("E99",), cure="x")
    with pytest.raises(troubleshooting.TroubleshootingError, match="will-qos2: E99"):
        troubleshooting.render({rule.key: rule}, troubleshooting.anchors(FACTS))


def test_a_symptom_of_its_own_is_refused() -> None:
    rule = evolve(RULES["will-qos2"], sources=("A1",), cure="x", symptom="smoke")
    with pytest.raises(troubleshooting.TroubleshootingError, match="will-qos2: its symptom"):
        troubleshooting.render({rule.key: rule}, troubleshooting.anchors(FACTS))


def test_a_stale_page_is_told_with_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "facts.md").write_text((ROOT / "docs" / "facts.md").read_text(encoding="utf-8"))
    assert troubleshooting.main(["--check"], root=tmp_path) == 1
    assert "python tools/troubleshooting.py --write" in capsys.readouterr().err
    assert troubleshooting.main(["--write"], root=tmp_path) == 0
    assert troubleshooting.main(["--check"], root=tmp_path) == 0
