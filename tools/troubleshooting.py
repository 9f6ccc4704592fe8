"""The generator of docs/troubleshooting.md: every known cause of trouble, from :data:`customauth.rules.RULES`.

``python tools/troubleshooting.py`` prints the page, ``--write`` writes it, ``--check`` tells whether the one in docs/
is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from customauth.rules import RULES, SYMPTOMS, Rule
from generated_page import PageError, generate

ROOT = Path(__file__).parents[1]
PAGE = "docs/troubleshooting.md"

_HEADING = re.compile(r"#+ (.*)")
_FACT = re.compile(r"(?:- |\| )\*\*([A-Z][0-9]+)\*\*|\| ([A-Z][0-9]+) \|")
_NUMBER = re.compile(r"\b[A-J][0-9]{1,2}\b")
_MARKUP = re.compile(r"[*_<>\[\]]")
_NO_SLUG = re.compile(r"[^a-z0-9 _-]")

_HEAD = """# When it does not connect

<!-- Made by tools/troubleshooting.py from customauth.rules: run `make troubleshooting`. -->

Let the doctor look first. It examines what a device sends, tries the connection one step after the other, asks AWS
where it may, and names the cause with its cure:

```console
$ customauth doctor ENDPOINT --authorizer NAME --username USER --password-file FILE
$ customauth doctor ENDPOINT --from-username-file -  # what your own client sends as its user name, on standard input
$ customauth doctor ENDPOINT --capture connect.bin   # the CONNECT packet that it sends, raw or in hexadecimal
```

AWS tells a device next to nothing: an MQTT 5 client gets CONNACK 0x87 whatever is wrong with its login ([F1]), and an
MQTT 3.1.1 client is cut off without a word ([F3]). So connect with MQTT 5 when you look for a cause; look whether the
authorizer's function was run at all, which halves the list below; and try the same client with `customauth gateway`,
whose DENY lines say what was wrong.

The keys, as `alpn-missing`, are those of the doctor's findings, of `error.rule`, and of `"rule"` in the documents that
`--json` and the gateway's `--log-json` write. What stands in capitals in a cure is yours to fill in. Numbers such as
[F1] are those of the [facts about AWS](facts.md). This page is generated; a test fails when it is stale.
"""


class TroubleshootingError(PageError):
    """The rules do not fit what they are told with."""


def anchors(facts: str) -> dict[str, str]:
    """Return where each numbered fact of docs/facts.md stands: the anchor of the heading above it."""
    found: dict[str, str] = {}
    current = ""
    for line in facts.splitlines():
        if heading := _HEADING.fullmatch(line):
            current = _NO_SLUG.sub("", heading[1].lower()).replace(" ", "-")
        elif fact := _FACT.match(line):
            found[fact[1] or fact[2]] = f"facts.md#{current}"
    return found


def render(rules: Mapping[str, Rule], where: Mapping[str, str]) -> str:
    """Return the page, in Markdown.

    :raises TroubleshootingError: when a rule points to a fact that is not there, or its symptom is none of the known.
    """
    unknown = [f"{rule.key}: {source}" for rule in rules.values() for source in rule.sources if source not in where]
    if unknown:
        raise TroubleshootingError(f"no such facts in docs/facts.md: {', '.join(unknown)}")
    lines = [_HEAD, "## By what you see", "", *_contents(rules), "## By cause", ""]
    for rule in rules.values():
        lines += _section(rule)
    page = "\n".join(lines)
    pointed_at = [number for number in where if f"[{number}]" in page]
    return "\n".join([page, *(f"[{number}]: {where[number]}" for number in pointed_at), ""])


def _contents(rules: Mapping[str, Rule]) -> Iterator[str]:
    by_symptom: dict[str, list[Rule]] = {symptom: [] for symptom in SYMPTOMS}
    for rule in rules.values():
        by_symptom[_known_symptom(rule)].append(rule)
    for symptom, theirs in by_symptom.items():
        yield f"**{_sentence(symptom)}**"
        yield ""
        yield from (f"- [{_text(rule.cause)}](#{rule.key})" for rule in theirs)
        yield ""


def _known_symptom(rule: Rule) -> str:
    # Of two that fit the longer says more: the login is refused, and the function is run.
    fitting = [symptom for symptom in SYMPTOMS if rule.symptom.startswith(symptom)]
    if not fitting:
        raise TroubleshootingError(f"{rule.key}: its symptom begins with none of customauth.rules.SYMPTOMS")
    return max(fitting, key=len)


def _section(rule: Rule) -> Iterator[str]:
    yield f"### {rule.key}"
    yield ""
    yield _sentence(rule.cause)
    yield ""
    yield f"- **You see:** {_text(rule.symptom)}{'' if rule.stops else ' (AWS lets it pass)'}"
    yield f"- **Check:** {_text(rule.check)}"
    yield f"- **Cure:** {_text(rule.advice())}"
    if rule.sources:
        yield f"- **Facts:** {', '.join(f'[{source}]' for source in rule.sources)}"
    yield ""
    if rule.command:
        yield from ("```text", rule.paste(), "```", "")
    if rule.settings:
        widest = max(len(client) for client, _ in rule.settings)
        yield from ("```text", *(f"{client:<{widest}}  {setting}" for client, setting in rule.settings), "```", "")


def _sentence(text: str) -> str:
    return f"{_text(text[0].upper() + text[1:])}."


def _text(text: str) -> str:
    """Return plain text as Markdown."""
    return _NUMBER.sub(r"[\g<0>]", _MARKUP.sub(r"\\\g<0>", text))


def main(argv: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Run the command and return its exit code: 1 for a stale page, and where none can be made."""

    def page() -> str:
        return render(RULES, anchors((root / "docs" / "facts.md").read_text(encoding="utf-8")))

    return generate(argv, root / PAGE, tool="troubleshooting", make=page)


if __name__ == "__main__":
    sys.exit(main())
