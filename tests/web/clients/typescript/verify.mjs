// Verifies messages with the JavaScript libraries of the field. Reads from stdin [{secret, headers, body}], prints for
// each the names of the libraries that accept it.

import { readFileSync } from "node:fs";
import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";

const LIBRARIES = { standardwebhooks, svix };

function accepts({ Webhook, WebhookVerificationError }, { secret, headers, body }) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

const messages = JSON.parse(readFileSync(0, "utf8"));
const accepting = (message) => Object.keys(LIBRARIES).filter((name) => accepts(LIBRARIES[name], message));
process.stdout.write(JSON.stringify(messages.map(accepting)));
