// A Node.js authorizer in the style of AWS's tutorial: an ES module with an async handler.
//
// It shows a client that logs in with its MQTT password alone. The password arrives as base64, and the answer
// holds its policy as an object. The ARNs in it take region and account from the function's own.
//
// In the gateway (docs/gateway.md), with signing disabled, as nobody signs a password:
//
//   [authorizers.tutorial]
//   status = "ACTIVE"
//   function = "tutorial.mjs:handler"
//   signing_disabled = true
//   environment = { DEVICE_PASSWORD = "wonderland" }
//
//   customauth connect --authorizer tutorial --password wonderland --cafile ca/ca.pem localhost:8443
//
// In AWS Lambda: runtime nodejs22.x, handler tutorial.handler.

import { createHash, timingSafeEqual } from "node:crypto";

export const handler = async (event, context) => {
  // An HTTPS publish has no mqtt, and a client without a password has no password.
  const password = Buffer.from(event.protocolData?.mqtt?.password ?? "", "base64");
  return {
    isAuthenticated: isRight(password),
    principalId: "tutorial",
    disconnectAfterInSeconds: 86400,
    refreshAfterInSeconds: 300,
    policyDocuments: [policy(context.invokedFunctionArn)],
  };
};

function isRight(password) {
  const expected = process.env.DEVICE_PASSWORD ?? "";
  // Digests have one length, which timingSafeEqual asks for.
  const digest = (value) => createHash("sha256").update(value).digest();
  return expected !== "" && timingSafeEqual(digest(password), digest(expected));
}

function policy(functionArn) {
  const [, partition, , region, account] = functionArn.split(":");
  const iot = `arn:${partition}:iot:${region}:${account}`;
  return {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: "iot:Connect", Resource: `${iot}:client/\${iot:ClientId}` },
      { Effect: "Allow", Action: ["iot:Publish", "iot:Receive"], Resource: `${iot}:topic/tutorial/*` },
      { Effect: "Allow", Action: "iot:Subscribe", Resource: `${iot}:topicfilter/tutorial/*` },
    ],
  };
}
