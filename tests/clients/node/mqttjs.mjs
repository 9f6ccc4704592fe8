// Connect with MQTT.js, once for each line on standard input, and print a line of JSON with what happened.
//
// A line in is JSON: url, caFile, options (those of MQTT.js), and the password as base64.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import mqtt from "mqtt";

function connectOnce({ url, caFile, options, password }) {
  const client = mqtt.connect(url, {
    ...options,
    ca: readFileSync(caFile),
    password: password === undefined ? undefined : Buffer.from(password, "base64"),
    // One attempt: without this it tries again for ever.
    reconnectPeriod: 0,
  });
  const seen = { connack: null, error: null };
  client.on("packetreceive", (packet) => {
    if (packet.cmd === "connack") {
      const { reasonCode, returnCode, properties } = packet;
      seen.connack = { code: reasonCode ?? returnCode, reasonString: properties?.reasonString ?? null };
    }
  });
  client.on("error", ({ message, code }) => {
    seen.error = { message, code: code ?? null };
  });
  client.on("connect", () => client.end());
  return new Promise((resolve) => {
    client.on("close", () => client.end(true, () => resolve(seen)));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await connectOnce(JSON.parse(line))));
}
