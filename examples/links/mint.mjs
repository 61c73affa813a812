// node mint.mjs KEY.pem KID ORIGIN RECORDING LISTENER prints a link of five minutes. Node.js 20 or newer, no package.
import { createPrivateKey, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const [key, kid, origin, recording, listener] = process.argv.slice(2);
const now = Math.floor(Date.now() / 1000); // Seconds: with milliseconds the vault refuses the link.
const claims = { aud: origin, sub: recording, lsn: listener, iat: now, exp: now + 300, jti: randomBytes(16).toString("hex") };
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = `${part({ alg: "Ed25519", kid })}.${part(claims)}`;
const signature = sign(null, Buffer.from(signed), createPrivateKey(readFileSync(key)));
console.log(`${origin}/p/${signed}.${signature.toString("base64url")}`);
