"""MQTT.js in Node.js and mosquitto's programs among the messengers. Import as ``messengers_programs``.

One process of Node.js, :class:`Node`, has all of its clients: it takes its time to start.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from customauth import MqttVersion
from messengers import HANGS, Ended, Extras, Heard, Messenger, Where, Wish

_SCRIPT = Path(__file__).parents[1] / "clients" / "node" / "messages.mjs"
# SUBACK codes from here on refuse.
_REFUSED = 0x80
_VERSIONS = {MqttVersion.V5: "mqttv5", MqttVersion.V311: "mqttv311"}


class Node:
    """The process of Node.js."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._clients: dict[str, MqttJs] = {}
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def connect(self, where: Where, wish: Wish) -> MqttJs:
        """Connect a client."""
        name = f"{len(self._clients)}"
        client = self._clients[name] = MqttJs(self, name, wish)
        client.connect(where)
        return client

    def tell(self, name: str, command: str, **more: object) -> None:
        """Give a command to a client."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps({'id': name, 'command': command, **more})}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            self._clients[told.pop("id")].told(told)


@contextlib.contextmanager
def node() -> Iterator[Node]:
    """Run Node.js."""
    with subprocess.Popen(["node", str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        running = Node(process)
        try:
            yield running
        finally:
            running.close()


class MqttJs(Messenger):
    """A client of MQTT.js."""

    def __init__(self, node: Node, name: str, wish: Wish) -> None:
        super().__init__()
        self._node = node
        self._name = name
        self._wish = wish
        self._closed = threading.Event()

    def connect(self, where: Where) -> None:
        """Connect."""
        wish = self._wish
        url = f"wss://localhost:{where.port}/mqtt" if wish.websocket else f"mqtts://localhost:{where.port}"
        options: dict[str, Any] = {
            "clientId": wish.client_id,
            "protocolVersion": wish.version.value,
            "servername": "localhost",
            "username": wish.username,
            "clean": not wish.kept,
        }
        if not wish.websocket:
            options["ALPNProtocols"] = ["mqtt"]
        if wish.kept and wish.version is MqttVersion.V5:
            options["properties"] = {"sessionExpiryInterval": 600}
        if wish.will is not None:
            options["will"] = {"topic": wish.will[0], "payload": wish.will[1].decode(), "qos": 1}
        self._tell("connect", url=url, caFile=str(where.ca_file), options=options)
        assert self.answer()["code"] == 0

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        self._tell("subscribe", filter=topic_filter, qos=qos)
        code: int | None = self.answer()["code"]
        return code

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, extras: Extras | None = None
    ) -> int | None:
        options: dict[str, Any] = {"qos": qos, "retain": retain}
        if extras is not None:
            options["properties"] = {
                "userProperties": dict(extras.user_properties),
                "contentType": extras.content_type,
                "responseTopic": extras.response_topic,
                "correlationData": base64.b64encode(extras.correlation_data or b"").decode(),
            }
        self._tell("publish", topic=topic, payload=base64.b64encode(payload).decode(), options=options)
        answer = self.answer()
        return answer["code"] if qos else None

    def cut(self) -> None:
        self._tell("cut")

    def close(self) -> None:
        self._tell("end")
        assert self._closed.wait(HANGS)

    def told(self, what: dict[str, Any]) -> None:
        """Take what the program says of this client."""
        if "message" in what:
            self._heard.put(_of_mqttjs(what["message"]))
        elif "ended" in what:
            self._closed.set()
            self.over(Ended(what["ended"]["code"], what["ended"]["reason"]))
        else:
            if what["answer"].get("error") is not None:
                self.shown.append(what["answer"]["error"])
            self._answers.put(what["answer"])

    def _tell(self, command: str, **more: object) -> None:
        self._node.tell(self._name, command, **more)


def _of_mqttjs(message: dict[str, Any]) -> Heard:
    sent = message["properties"]
    data = sent.get("correlationData")
    return Heard(
        topic=message["topic"],
        payload=base64.b64decode(message["payload"]),
        qos=message["qos"],
        retain=message["retain"],
        extras=Extras(
            user_properties=tuple(sent.get("userProperties", {}).items()),
            content_type=sent.get("contentType"),
            response_topic=sent.get("responseTopic"),
            correlation_data=None if data is None else base64.b64decode(data),
        ),
    )


class Mosquitto(Messenger):
    """mosquitto_sub to subscribe with, and a mosquitto_pub for each message."""

    def __init__(self, where: Where, wish: Wish) -> None:
        super().__init__()
        self._wish = wish
        self._words = [
            *("-h", "localhost", "-p", str(where.port), "--cafile", str(where.ca_file), "--tls-alpn", "mqtt"),
            *("-d", "-V", _VERSIONS[wish.version], "-u", wish.username),
        ]
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def subscribe(self, topic_filter: str, qos: int = 1) -> int | None:
        # Into a pipe it would write only when it ends.
        command = ["stdbuf", "-oL", "mosquitto_sub", *self._words, "-i", self._wish.client_id]
        command += ["-t", topic_filter, "-q", str(qos), "-F", "%j"]
        if self._wish.kept:
            command += ["-c", "-x", "600"] if self._wish.version is MqttVersion.V5 else ["-c"]
        if self._wish.will is not None:
            command += ["--will-topic", self._wish.will[0], "--will-payload", self._wish.will[1].decode()]
            command += ["--will-qos", "1"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read, args=[self._process])
        self._reader.start()
        code: int = self.answer()
        if code >= _REFUSED:
            # It ends, with a last word.
            self._process.wait(HANGS)
            self._reader.join()
        return code

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, extras: Extras | None = None
    ) -> int | None:
        command: list[str | bytes] = ["mosquitto_pub", *self._words, "-i", f"{self._wish.client_id}-pub"]
        command += ["-t", topic, "-m", payload, "-q", str(qos)]
        command += ["-r"] if retain else []
        if extras is not None:
            for name, value in extras.user_properties:
                command += ["-D", "PUBLISH", "user-property", name, value]
            command += ["-D", "PUBLISH", "content-type", extras.content_type or ""]
            command += ["-D", "PUBLISH", "response-topic", extras.response_topic or ""]
            command += ["-D", "PUBLISH", "correlation-data", extras.correlation_data or b""]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
        self.shown += done.stderr.splitlines()
        acknowledged = re.search(r"received PUBACK \(Mid: \d+, RC:(\d+)\)", done.stdout)
        if qos and acknowledged is None:
            raise Ended
        return int(acknowledged[1]) if acknowledged else None

    def cut(self) -> None:
        assert self._process is not None
        self._process.kill()

    def close(self) -> None:
        if self._process is not None and self._reader is not None:
            self._process.terminate()
            self._process.wait(HANGS)
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        attempts = 0
        for line in process.stdout:
            if line.startswith("{"):
                self._heard.put(_of_mosquitto(json.loads(line)))
                continue
            attempts += line.endswith("sending CONNECT\n")
            subscribed = re.match(r"Subscribed \(mid: \d+\): (\d+)", line)
            disconnected = re.search(r"received DISCONNECT \((\d+)\)", line)
            if subscribed:
                self._answers.put(int(subscribed[1]))
            elif disconnected:
                self.over(Ended(int(disconnected[1])))
            elif attempts > 1:
                # The connection was lost, of which it says nothing, and it connects again for ever.
                process.kill()
                self.over(Ended())
            elif not line.startswith("Client "):
                self.shown.append(line.rstrip("\n"))


def _of_mosquitto(message: dict[str, Any]) -> Heard:
    sent = message.get("properties", {})
    data = sent.get("correlation-data")
    pairs = sent.get("user-properties", ())
    return Heard(
        topic=message["topic"],
        payload=(message["payload"] or "").encode(),
        qos=message["qos"],
        retain=bool(message["retain"]),
        extras=Extras(
            user_properties=tuple(pairs.items()) if isinstance(pairs, dict) else tuple(pairs),
            content_type=sent.get("content-type"),
            response_topic=sent.get("response-topic"),
            correlation_data=None if data is None else data.encode(),
        ),
    )
