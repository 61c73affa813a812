// A generated TypeScript client at work: an account, the switch off and on, a webhook, an upload, a link that plays.
// Usage: journey.js URL API_KEY ACCOUNT AUDIO_FILE EVENT_FILE. Prints what the link played, as SHA-256.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const [url, key, account, file, told] = process.argv.slice(2) as [string, string, string, string, string];
const audio = readFileSync(file);
const admin = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const bytes = (body: unknown) => body as BodyInit;

/** Send a typed event: its signature is over the bytes, so they are made before it and sent as they are. */
async function announceEnd(): Promise<void> {
  const key = createHash("sha256").update(account).digest();
  const connected = await admin.PUT("/v1/accounts/{account}/connections/{name}", {
    params: { path: { account, name: "main" } },
    body: { provider: "platform", credentials: { secret: `whsec_${key.toString("base64")}` } },
  });
  assert.ok(connected.data, JSON.stringify(connected.error));
  const now = new Date();
  const event: components["schemas"]["CallEndedEvent"] = {
    type: "call.ended",
    timestamp: now.toISOString(),
    data: { call_ref: "call-1", ended_at: now.toISOString() },
  };
  const [body, id, at] = [JSON.stringify(event), "msg_1", String(Math.floor(now.getTime() / 1000))];
  const signature = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
  const answer = await fetch(connected.data.webhook_url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": at,
      "webhook-signature": `v1,${signature}`,
    },
    body,
  });
  assert.deepEqual([answer.status, await answer.json()], [200, { status: "noted" }]);
}

/** Read an event that the vault has sent: its type says which fields it has. */
function recordingOf(body: string): string {
  const event = JSON.parse(body) as components["schemas"]["VaultEvent"];
  if (event.type !== "recording.available") throw new Error(event.type);
  // Of another type this field would be an error of the compiler.
  return event.data.recording;
}

/** Upload, and wait until the recording can be played; a bad upload is a problem that names why. */
async function uploaded(): Promise<string> {
  const path = { account, call_ref: "call-1", recording_ref: "recording-1" };
  const send = (body: Buffer) =>
    admin.PUT("/v1/accounts/{account}/calls/{call_ref}/recordings/{recording_ref}", {
      params: { path },
      body: body as unknown as string,
      bodySerializer: bytes,
      headers: { "Content-Type": "application/octet-stream" },
    });
  const { data, error } = await send(audio);
  assert.ok(data, JSON.stringify(error));
  const other = await send(Buffer.from("RIFF"));
  assert.equal(other.error?.status, 409);
  let recording: components["schemas"]["RecordingOut"] = data;
  while (!["available", "quarantined", "refused", "failed"].includes(recording.state)) {
    await setTimeout(200);
    const now = await admin.GET("/v1/accounts/{account}/recordings/{recording}", {
      params: { path: { account, recording: recording.id } },
    });
    assert.ok(now.data, JSON.stringify(now.error));
    recording = now.data;
  }
  assert.equal(recording.state, "available");
  return recording.id;
}

/** Open a link as a browser does, and return the audio of its session. */
async function heard(token: string): Promise<Buffer> {
  const listener = createClient<paths>({ baseUrl: url, redirect: "manual" });
  const opened = await listener.POST("/p/{token}/open", { params: { path: { token } } });
  const session = opened.response.headers.get("location")!.split("/").pop()!;
  const cookie = opened.response.headers.get("set-cookie")!.split(";")[0]!;
  const ask = (range?: string) =>
    listener.GET("/s/{session}/audio", {
      params: { path: { session }, header: range ? { Range: range } : {} },
      headers: { Cookie: cookie },
      parseAs: "arrayBuffer",
    });
  const part = await ask("bytes=0-99");
  assert.equal(part.response.status, 206);
  assert.equal((part.data as ArrayBuffer).byteLength, 100);
  return Buffer.from((await ask()).data as ArrayBuffer);
}

const opened = await admin.PUT("/v1/accounts/{account}", { params: { path: { account } }, body: { name: "Acme" } });
assert.equal(opened.data?.account, account);
for (const enabled of [false, true]) {
  const { data } = await admin.PUT("/v1/accounts/{account}/recording-switch", {
    params: { path: { account } },
    body: { enabled },
  });
  assert.equal(data?.enabled, enabled);
}
const policy = await admin.PATCH("/v1/accounts/{account}/consent-policy", {
  params: { path: { account } },
  body: { missing_evidence: "accept", reason: "An example without a call" },
});
assert.equal(policy.data?.missing_evidence, "accept");
// The call begins after the switch was on again: one that overlaps with off is refused.
const call = await admin.PUT("/v1/accounts/{account}/calls/{call_ref}", {
  params: { path: { account, call_ref: "call-1" } },
  body: { direction: "inbound", from: "+12025550123", to: "+12025550187", started_at: new Date().toISOString() },
});
assert.equal(call.data?.decision.record, true);
await announceEnd();
const made = await admin.POST("/v1/accounts/{account}/recordings/{recording}/links", {
  params: { path: { account, recording: await uploaded() } },
  body: { listener: "robin" },
});
assert.ok(made.data, JSON.stringify(made.error));
const played = await heard(new URL(made.data.url).pathname.split("/").pop()!);
assert.ok(played.equals(audio));
assert.match(recordingOf(readFileSync(told, "utf8")), /^rec_/);
console.log(createHash("sha256").update(played).digest("hex"));
