// Sends a request and shows it with its response to developers. A missing response is a NoAnswer.

import { showStep } from "./developer.js";

const TIMEOUT = 15_000;

/** There was no response: the server or the network is down, or CORS blocks the response. */
export class NoAnswer extends Error {
  constructor(url) {
    super(`no answer from ${url}`);
    this.origin = new URL(url).origin;
  }
}

/**
 * Sends a request and shows it with its response under the title `why`.
 *
 * @returns {Promise<{status: number, statusText: string, headers: Headers, text: string, json: any}>}
 * @throws {NoAnswer}
 */
export async function exchange(why, method, url, { headers = {}, body } = {}) {
  const step = showStep(why, method, url, headers, body);
  try {
    const response = await fetch(url, {
      method,
      headers,
      body,
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const text = await response.text();
    const { status, statusText, headers: received } = response;
    const answer = { status, statusText, headers: received, text, json: parsed(text) };
    step.answered(response, answer);
    return answer;
  } catch (error) {
    step.unanswered(error);
    throw new NoAnswer(url);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The parameters of `WWW-Authenticate: Bearer` (RFC 9110, 11.6.1); empty without the header. */
export function challenge(answer) {
  const parameters = {};
  const text = answer.headers.get("www-authenticate") ?? "";
  for (const [, name, quoted, bare] of text.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)) {
    parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? bare;
  }
  return parameters;
}

/** `Retry-After` in seconds, or the default `otherwise`. */
export function retryAfter(answer, otherwise) {
  const seconds = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : otherwise;
}
