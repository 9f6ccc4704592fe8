// A Node.js authorizer in the older style: a CommonJS module whose handler answers through a callback.
//
// It shows a table of users. AWS hands over the whole MQTT user name, with the authorizer's name and whatever an
// SDK appends behind a question mark, so that part is cut off first. The policy in the answer is a JSON string,
// which AWS takes as well as an object. A wrong password is an answer, not an error.
//
// In the gateway (docs/gateway.md), with signing disabled:
//
//   [authorizers.callback]
//   status = "ACTIVE"
//   function = "callback.js:handler"
//   signing_disabled = true
//   environment = { USERS = '{"alice": "wonderland"}' }
//
//   customauth connect --authorizer callback --username alice --password wonderland --cafile ca/ca.pem localhost:8443
//
// In AWS Lambda: runtime nodejs22.x (the last that calls callbacks; from nodejs24.x on, use tutorial.mjs), handler
// callback.handler.

"use strict";

const { createHash, timingSafeEqual } = require("node:crypto");

exports.handler = function (event, context, callback) {
  const mqtt = event.protocolData?.mqtt ?? {};
  const fullName = mqtt.username ?? "";
  const question = fullName.lastIndexOf("?");
  const user = question < 0 ? fullName : fullName.slice(0, question);
  const password = Buffer.from(mqtt.password ?? "", "base64");
  const users = JSON.parse(process.env.USERS ?? "{}");
  const known = Object.hasOwn(users, user) && isSame(password, users[user]);
  callback(null, {
    isAuthenticated: known,
    // Letters and digits only, and never empty.
    principalId: createHash("sha256").update(user).digest("hex"),
    disconnectAfterInSeconds: 86400,
    refreshAfterInSeconds: 300,
    policyDocuments: known ? [JSON.stringify(policy(context.invokedFunctionArn))] : [],
  });
};

function isSame(sent, expected) {
  const digest = (value) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(sent), digest(expected));
}

function policy(functionArn) {
  const [, partition, , region, account] = functionArn.split(":");
  return {
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Action: "iot:Connect",
      Resource: `arn:${partition}:iot:${region}:${account}:client/\${iot:ClientId}`,
    },
  };
}
