// Jeton and the example as processes, on free ports and in a temporary directory.

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const { CHECK_JETON, CHECK_MY_INFO, CHECK_WORK } = process.env;

/** A sign-in that is older than this may not change anything. */
export const FRESH = 6;
/** Seconds that an access token lives. */
export const LIFETIME = 3;
export const PASSWORD = "correct horse battery staple";

const API_SECRET = randomBytes(32).toString("base64url");

const ports = { jeton: await freePort(), api: await freePort(), proxy: await freePort(), behind: await freePort() };
export const ISSUER = `http://127.0.0.1:${ports.jeton}`;
export const API = `http://127.0.0.1:${ports.api}`;

/** Where a proxy stands that gives a second Jeton the path /auth. */
export const PROXY = `http://127.0.0.1:${ports.proxy}`;

const running = new Map();

const settings = {
  JETON_SERVER__LISTEN: ISSUER.slice("http://".length),
  JETON_DATA_DIR: join(CHECK_WORK, "data"),
  JETON_METRICS__LISTEN: "",
  JETON_BOOTSTRAP__ADMIN_PASSWORD: PASSWORD,
  JETON_BOOTSTRAP__EXAMPLE_API: API,
  JETON_ACCESS_TOKEN__LIFETIME: `${LIFETIME}s`,
};

export function startJeton() {
  return start("jeton", CHECK_JETON, ["serve"], `${ISSUER}/readyz`, settings);
}

/** A Jeton of its own, which clients reach through the proxy alone. */
export async function startBehindProxy() {
  const own = `http://127.0.0.1:${ports.behind}`;
  await start("jeton-behind", CHECK_JETON, ["serve"], `${own}/readyz`, {
    JETON_ISSUER: `${PROXY}/auth`,
    JETON_SERVER__LISTEN: own.slice("http://".length),
    JETON_DATA_DIR: join(CHECK_WORK, "data-behind"),
    JETON_METRICS__LISTEN: "",
    JETON_BOOTSTRAP__ADMIN_PASSWORD: PASSWORD,
  });
  return own;
}

/** Runs a command of Jeton's beside the running server. */
export function jeton(...words) {
  jetonReading("", ...words);
}

/** The same, with something on standard input. */
export function jetonReading(input, ...words) {
  execFileSync(CHECK_JETON, words, { cwd: CHECK_WORK, env: { ...process.env, ...settings }, stdio: "pipe", input });
}

/** Lets the API hear which sessions were ended. */
export function letApiHear() {
  jetonReading(API_SECRET, "client", "add", "my-info-api", "--confidential", "--secret-stdin", "--audience", API);
}

export function startMyInfo() {
  return start("my-info", CHECK_MY_INFO, [
    "--listen", API.slice("http://".length), "--issuer", ISSUER,
    "--database", join(CHECK_WORK, "my-info", "my-info.db"), "--fresh-sign-in", `${FRESH}s`,
  ], `${API}/healthz`, { MY_INFO_API_CLIENT_SECRET: API_SECRET });
}

async function start(name, binary, parameters, probe, environment) {
  const log = createWriteStream(join(CHECK_WORK, `${name}.log`), { flags: "a" });
  const child = spawn(binary, parameters, { cwd: CHECK_WORK, env: { ...process.env, ...environment } });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const over = new Promise((resolve) => child.once("exit", resolve));
  running.set(name, { child, over });
  await until(`${name} answers`, async () => {
    if (child.exitCode !== null) throw new Error(`${name} stopped at once:\n${logOf(name)}`);
    return (await fetch(probe)).ok;
  });
}

/** Stops a process in order, and waits for its end. */
export async function stop(name) {
  const { child, over } = running.get(name) ?? {};
  if (!child) return undefined;
  running.delete(name);
  child.kill("SIGTERM");
  return over;
}

export async function stopAll() {
  await Promise.all([...running.keys()].map(stop));
}

export function logOf(name) {
  return readFileSync(join(CHECK_WORK, `${name}.log`), "utf8");
}

/** Waits for a condition; an error in it is "not yet". */
export async function until(what, condition, patience = 15_000) {
  const end = Date.now() + patience;
  for (let last; ; ) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain: ${what}${last ? ` (${last.message})` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
