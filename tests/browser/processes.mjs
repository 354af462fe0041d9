// Starts and stops Jeton and my-info on free ports and in a temporary directory.

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";

const { CHECK_JETON, CHECK_MY_INFO, CHECK_PORTS, CHECK_WORK } = process.env;

/** Maximum age in seconds of a sign-in that may change the info. */
export const MAX_SIGN_IN_AGE = 6;
/** Lifetime of an access token in seconds. */
export const LIFETIME = 3;
export const PASSWORD = "correct horse battery staple";

const API_SECRET = randomBytes(32).toString("base64url");

const [jetonPort, apiPort, proxyPort, behindPort] = CHECK_PORTS.split(" ");
export const ISSUER = `http://localhost:${jetonPort}`;
export const API = `http://localhost:${apiPort}`;

/** The origin of a reverse proxy that serves a second Jeton under the path /auth. */
export const PROXY = `http://127.0.0.1:${proxyPort}`;

const running = new Map();

const settings = {
  JETON_SERVER__LISTEN: ISSUER.slice("http://".length),
  JETON_DATA_DIR: join(CHECK_WORK, "data"),
  JETON_METRICS__LISTEN: "",
  // An access token outlives the stop.
  JETON_SERVER__DRAIN_TIME: "0s",
  JETON_BOOTSTRAP__ADMIN_PASSWORD: PASSWORD,
  JETON_BOOTSTRAP__EXAMPLE_API: API,
  JETON_ACCESS_TOKEN__LIFETIME: `${LIFETIME}s`,
};

export function startJeton() {
  return start("jeton", CHECK_JETON, ["serve"], `${ISSUER}/readyz`, settings);
}

/** Starts a second Jeton, which clients reach through the reverse proxy alone. */
export async function startBehindProxy() {
  const own = `http://127.0.0.1:${behindPort}`;
  await start("jeton-behind", CHECK_JETON, ["serve"], `${own}/readyz`, {
    JETON_ISSUER: `${PROXY}/auth`,
    JETON_SERVER__LISTEN: own.slice("http://".length),
    JETON_DATA_DIR: join(CHECK_WORK, "data-behind"),
    JETON_METRICS__LISTEN: "",
    JETON_BOOTSTRAP__ADMIN_PASSWORD: PASSWORD,
  });
  return own;
}

/** Runs a command of the command line while the server runs. */
export function jeton(...words) {
  jetonWithInput("", ...words);
}

/** The same with standard input. */
export function jetonWithInput(input, ...words) {
  execFileSync(CHECK_JETON, words, { cwd: CHECK_WORK, env: { ...process.env, ...settings }, stdio: "pipe", input });
}

/** Registers the client by which my-info reads the feed of revoked sessions. */
export function registerApiClient() {
  jetonWithInput(API_SECRET, "client", "add", "my-info-api", "--confidential", "--secret-stdin", "--audience", API);
}

export function startMyInfo() {
  return start("my-info", CHECK_MY_INFO, [
    "--listen", API.slice("http://".length), "--issuer", ISSUER,
    "--database", join(CHECK_WORK, "my-info", "my-info.db"), "--fresh-sign-in", `${MAX_SIGN_IN_AGE}s`,
  ], `${API}/healthz`, { MY_INFO_API_CLIENT_SECRET: API_SECRET });
}

async function start(name, binary, parameters, probe, environment) {
  const log = createWriteStream(join(CHECK_WORK, `${name}.log`), { flags: "a" });
  const child = spawn(binary, parameters, { cwd: CHECK_WORK, env: { ...process.env, ...environment } });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const exited = new Promise((resolve) => child.once("exit", resolve));
  running.set(name, { child, exited });
  await until(`${name} answers`, async () => {
    if (child.exitCode !== null) throw new Error(`${name} stopped during startup:\n${logOf(name)}`);
    return (await fetch(probe)).ok;
  });
}

/** Stops a process by SIGTERM and waits for its exit. */
export async function stop(name) {
  const { child, exited } = running.get(name) ?? {};
  if (!child) return undefined;
  running.delete(name);
  child.kill("SIGTERM");
  return exited;
}

export async function stopAll() {
  await Promise.all([...running.keys()].map(stop));
}

export function logOf(name) {
  return readFileSync(join(CHECK_WORK, `${name}.log`), "utf8");
}

/** Waits until a condition holds. Errors thrown by it count as false. */
export async function until(what, condition, timeout = 15_000) {
  const end = Date.now() + timeout;
  for (let last; ; ) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`timeout while waiting until ${what}${last ? ` (${last.message})` : ""}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
