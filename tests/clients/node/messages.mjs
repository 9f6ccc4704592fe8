// Exchange messages with MQTT.js: commands as lines of JSON on standard input, what happens as lines on standard output.
//
// Each line names a client by its `id`. Commands: connect (url, caFile, options), subscribe (filter, qos), publish
// (topic, payload as base64, options), cut, end. What happens: answer (code, error) to each command but the last two,
// message, and ended (code, reason).

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import mqtt from "mqtt";

const clients = new Map();

function tell(id, what) {
  console.log(JSON.stringify({ id, ...what }));
}

function shown(error) {
  return { error: error?.message ?? null, code: error?.code ?? null };
}

function connect(id, { url, caFile, options }) {
  // One attempt: without this it tries again for ever.
  const client = mqtt.connect(url, { ...options, ca: readFileSync(caFile), reconnectPeriod: 0 });
  clients.set(id, client);
  let farewell = null;
  client.on("connect", ({ reasonCode, returnCode }) => tell(id, { answer: { code: reasonCode ?? returnCode } }));
  client.on("error", (error) => tell(id, { answer: shown(error) }));
  client.on("disconnect", (packet) => {
    farewell = packet;
  });
  client.on("close", () => {
    tell(id, { ended: { code: farewell?.reasonCode ?? null, reason: farewell?.properties?.reasonString ?? null } });
  });
  client.on("message", (topic, payload, { qos, retain, properties }) => {
    const correlationData = properties?.correlationData?.toString("base64");
    tell(id, {
      message: { topic, payload: payload.toString("base64"), qos, retain, properties: { ...properties, correlationData } },
    });
  });
}

const commands = {
  connect,
  subscribe(id, { filter, qos }) {
    clients.get(id).subscribe(filter, { qos }, (error, granted, suback) => {
      tell(id, { answer: { ...shown(error), code: suback?.granted[0] ?? null } });
    });
  },
  publish(id, { topic, payload, options }) {
    const correlationData = options.properties?.correlationData;
    if (correlationData) options.properties.correlationData = Buffer.from(correlationData, "base64");
    clients.get(id).publish(topic, Buffer.from(payload, "base64"), options, (error, packet) => {
      tell(id, { answer: { ...shown(error), code: error?.code ?? packet?.reasonCode ?? 0 } });
    });
  },
  cut(id) {
    clients.get(id).stream.destroy();
  },
  end(id) {
    clients.get(id).end();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command, ...rest } = JSON.parse(line);
  commands[command](id, rest);
}
