// Receives events: verifies each, takes it once, and hands them on in their order. Usage: receive_events.mjs PORT

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.EVENT_SECRET.replace(/^whsec_/, ""), "base64");
const known = new Set(); // a real receiver keeps both in its database
const waiting = new Map();
let done = 0;

function verified(headers, body) {
  const { "webhook-id": id = "", "webhook-timestamp": timestamp = "", "webhook-signature": given = "" } = headers;
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  const good = Buffer.from(`v1,${signature}`);
  const inTime = Math.abs(Date.now() / 1000 - Number(timestamp || NaN)) < 300;
  const equal = (one) => one.length === good.length && timingSafeEqual(one, good);
  return inTime && given.split(" ").map((one) => Buffer.from(one)).some(equal);
}

// Hands on each event once, and after the one before: with the types * no number is missing. One that was sent before
// the very first comes after it, if they were on their way together.
function take(event) {
  if (known.has(event.id)) return;
  known.add(event.id);
  if (event.sequence <= done) return handle(event);
  waiting.set(event.sequence, event);
  done ||= event.sequence - 1;
  for (; waiting.has(done + 1); waiting.delete(done)) handle(waiting.get(++done));
}

function handle(event) {
  console.log(event.sequence, event.type, event.data.recording ?? "");
}

createServer(async (request, response) => {
  const blocks = [];
  let size = 0;
  for await (const block of request) if ((size += block.length) <= 20_000) blocks.push(block);
  const body = Buffer.concat(blocks);
  const good = size <= 20_000 && verified(request.headers, body);
  if (good) take(JSON.parse(body));
  response.writeHead(good ? 200 : 401).end();
}).listen(Number(process.argv[2]), "127.0.0.1");
