// A recording's whole way, with Node.js 20 and no package: node client.mjs URL API_KEY ACCOUNT AUDIO_FILE.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

const [URL, KEY, ACCOUNT, AUDIO] = process.argv.slice(2);
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const decoded = (text) => Buffer.from(text, "base64");

// Send one request to the account and return its JSON or text; throw the detail of a problem document.
async function call(method, path, body) {
  const isJson = body !== undefined && !Buffer.isBuffer(body);
  const headers = {
    Authorization: `Bearer ${KEY}`,
    "Content-Type": isJson ? "application/json" : "application/octet-stream",
  };
  const sent = { method, headers, body: isJson ? JSON.stringify(body) : body };
  const answer = await fetch(`${URL}/v1/accounts/${ACCOUNT}${path}`, sent);
  const content = await (answer.headers.get("Content-Type").includes("json") ? answer.json() : answer.text());
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${content.detail}`);
  return content;
}

// Compute the root of the log from one entry and its proof (RFC 9162, 2.1.3.2), and compare it with the signed one.
function isProved(leaf, proof) {
  const [lines, note] = proof.split("\n\n").map((part) => part.split("\n"));
  let [node, last, root] = [Number(lines[1].slice("index ".length)), Number(note[1]) - 1, sha256(Buffer.of(0), leaf)];
  for (const sibling of lines.slice(2).map(decoded)) {
    const pair = node % 2 || node === last ? [sibling, root] : [root, sibling];
    root = sha256(Buffer.of(1), ...pair);
    while (node === last && node && !(node % 2)) [node, last] = [node / 2, last / 2];
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return root.equals(decoded(note[2]));
}

await call("PUT", "", { name: ACCOUNT });
console.log("switch:", (await call("GET", "/recording-switch")).enabled ? "on" : "off");

// The call comes first: the answer says whether it may be recorded, and why.
const facts = { direction: "inbound", from: "+12025550100", to: "+12025550199" };
facts.started_at = new Date().toISOString();
console.log("record:", (await call("PUT", "/calls/call-1", facts)).decision.record ? "yes" : "no");
const { id } = await call("PUT", "/calls/call-1/recordings/recording-1", await readFile(AUDIO));
while (["received", "transferring", "stored"].includes((await call("GET", `/recordings/${id}`)).state))
  await new Promise((resolve) => setTimeout(resolve, 200));
console.log("state:", (await call("GET", `/recordings/${id}`)).state);
console.log("link:", (await call("POST", `/recordings/${id}/links`, { listener: "Robin", expires_in: 900 })).url);

for (const event of (await call("GET", `/access-events?recording=${id}`)).items) {
  const proof = await call("GET", `/access-events/${event.index}/proof`);
  console.log("event:", event.type, isProved(decoded(event.leaf), proof) ? "proved" : "NOT PROVED");
}
