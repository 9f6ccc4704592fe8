"""The CONNECT packet but for its credentials: client id, keep alive, session, will, sizes (A21, E6-E10, E19-E44)."""

from __future__ import annotations

import re

from customauth.doctor.finding import Check, Finding
from customauth.doctor.lint.sight import Sight, reported, skipped, warned
from customauth.doctor.setup import Origin, WillPart
from customauth.mqtt.protocol import MqttVersion

MAX_FIELD = 65_535  # A21
MAX_CLIENT_ID = 128  # E8
MAX_TOPIC = 256  # E22
MAX_SLASHES = 7  # E22
LEAST_KEEP_ALIVE, MOST_KEEP_ALIVE = 30, 1200  # E10
MAX_SESSION_EXPIRY = 604_800  # E37

_ASSIGNED = "$GEN/"  # E6
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")
_RULE_TOPIC = re.compile(r"\A\$aws/rules/[^/]+/")
_OPEN = ("$aws/rules/", "$aws/things/", "$aws/jobs/", "$aws/certificates/", "$aws/provisioning-templates/")  # E44
_TWO_BYTES = 65_535


def packet(sight: Sight) -> Check:
    """Look at whether there is a packet at all."""
    setup = sight.setup
    findings = []
    if setup.origin is Origin.CAPTURE and setup.broken_rule is not None:
        findings.append(sight.certain(setup.broken_rule, setup.broken or "it is no CONNECT"))
    if setup.version is MqttVersion.V311 and setup.password is not None and setup.username is None:
        evidence = "MQTT 3.1.1 cannot carry a password without a user name"
        findings.append(sight.certain("packet-malformed", evidence))
    for what, text in (("user name", setup.username), ("client id", setup.client_id)):
        if text is not None and _UNSENDABLE.search(text):
            evidence = f"the {what} holds a NUL or a lone surrogate, which MQTT does not carry"
            findings.append(sight.certain("packet-malformed", evidence))
    return reported("CONNECT", *findings, otherwise=f"MQTT {setup.version.label}")


def client_id(sight: Sight) -> Check:
    """Look at the client id (E6-E8)."""
    setup = sight.setup
    if not setup.client_id_given:
        return skipped("client id", "the device's own is not given")
    text = setup.client_id
    size = _size(text)
    v5 = setup.version is MqttVersion.V5
    if not text and not v5 and not setup.clean_start:
        evidence = "the client id is empty, and a session is to be kept"
        return reported("client id", sight.certain("client-id-empty", evidence), otherwise="")
    if not text and not v5:
        evidence = "the client id is empty, and MQTT 3.1.1 lets a server refuse that"
        return reported("client id", sight.possible("client-id-empty", evidence), otherwise="")
    if not text and (not setup.clean_start or setup.session_expiry):
        return warned(
            "client id", "empty: the server gives one, and only with that one the kept session is found again"
        )
    if not text:
        return reported("client id", otherwise="empty: the server gives one")
    if size > MAX_CLIENT_ID:
        evidence = f"the client id has {size} bytes, and AWS takes {MAX_CLIENT_ID}"
        return reported("client id", sight.certain("client-id-too-long", evidence), otherwise="")
    if text.startswith(_ASSIGNED):
        evidence = f"the client id begins with {_ASSIGNED}, which AWS keeps for ids that it gives itself"
        return reported("client id", sight.certain("client-id-reserved", evidence), otherwise="")
    if text.startswith("$"):
        return warned("client id", "it begins with $, so the management API cannot name it (E8)")
    if "+" in text or "#" in text:
        return warned("client id", "it holds + or #, so AWS sends no lifecycle events for it (E45)")
    return reported("client id", otherwise=f"{size} bytes")


def keep_alive(sight: Sight) -> Check:
    """Look at the keep alive (E10)."""
    seconds = sight.setup.keep_alive
    if LEAST_KEEP_ALIVE <= seconds <= MOST_KEEP_ALIVE:
        return reported("keep alive", otherwise=f"{seconds} s")
    if 0 <= seconds <= _TWO_BYTES:
        read = LEAST_KEEP_ALIVE if 0 < seconds < LEAST_KEEP_ALIVE else MOST_KEEP_ALIVE
        evidence = f"the keep alive is {seconds} s, and AWS reads it as {read} s"
        return reported("keep alive", sight.certain("keep-alive-out-of-range", evidence), otherwise="")
    evidence = f"a keep alive of {seconds} s does not fit into the packet, which takes 0 to {_TWO_BYTES}"
    return reported("keep alive", sight.certain("packet-malformed", evidence), otherwise="")


def session_expiry(sight: Sight) -> Check | None:
    """Look at how long the session is to be kept (E37)."""
    seconds = sight.setup.session_expiry
    if seconds is None:
        return None
    if sight.setup.version is MqttVersion.V311:
        return warned("session expiry", "MQTT 3.1.1 cannot say it; clean session is all it has")
    if seconds > MAX_SESSION_EXPIRY:
        evidence = f"the session expiry is {seconds} s, and AWS keeps no session longer than {MAX_SESSION_EXPIRY} s"
        return reported("session expiry", sight.certain("session-expiry-out-of-range", evidence), otherwise="")
    return reported("session expiry", otherwise=f"{seconds} s")


def will(sight: Sight) -> Check | None:
    """Look at the will (E19, E22, E32, E41, E44)."""
    part = sight.setup.will
    if part is None:
        return None
    findings = []
    if part.qos not in (0, 1):
        findings.append(sight.certain("will-qos2", f"the will has QoS {part.qos}, and AWS takes 0 and 1"))
    findings += _about_topic(sight, part)
    return reported("will", *findings, otherwise=f"QoS {part.qos}")


def sizes(sight: Sight) -> Check:
    """Look at how long user name and password are (A21)."""
    setup = sight.setup
    findings = []
    username = _size(setup.username or "")
    password = len(setup.password or b"")
    if username > MAX_FIELD:
        evidence = f"the user name has {username} bytes, and the packet carries {MAX_FIELD}"
        findings.append(sight.certain("username-too-long", evidence))
    if password > MAX_FIELD:
        evidence = f"the password has {password} bytes, and the packet carries {MAX_FIELD}"
        findings.append(sight.certain("password-too-long", evidence))
    return reported("sizes", *findings, otherwise=f"user name {username} bytes, password {password} bytes")


def _about_topic(sight: Sight, part: WillPart) -> list[Finding]:
    topic = part.topic
    counted = _RULE_TOPIC.sub("", topic)
    if not topic or _UNSENDABLE.search(topic):
        return [sight.certain("will-topic", "the will's topic is empty, or holds what MQTT does not carry")]
    if "+" in topic or "#" in topic:
        return [sight.certain("will-topic", "the will's topic holds a wildcard")]
    if topic.startswith("$") and (part.retain or not topic.startswith(_OPEN)):
        what = "a reserved topic, which keeps no message" if part.retain else "reserved"
        return [sight.likely("will-topic", f"the will's topic begins with $: it is {what}")]
    if _size(counted) > MAX_TOPIC:
        return [sight.likely("will-topic", f"the will's topic has {_size(counted)} bytes, and AWS takes {MAX_TOPIC}")]
    if counted.count("/") > MAX_SLASHES:
        evidence = f"the will's topic has {counted.count('/')} slashes, and AWS takes {MAX_SLASHES}"
        return [sight.likely("will-topic", evidence)]
    return []


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
