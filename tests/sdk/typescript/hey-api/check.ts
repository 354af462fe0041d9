// Checks the SDK of @hey-api/openapi-ts against the servers at SDK_ISSUER and SDK_API.

// README
import { fetchAccount, requestToken } from "./jeton/index.js";
import type { Auth } from "./jeton/client/index.js";
import { client } from "./jeton/client.gen.js";
// end
import assert from "node:assert/strict";
import { changeAccountPassword, createClient, createUser, fetchUser } from "./jeton/index.js";
import { listAccountSessions, revokeToken } from "./jeton/index.js";
import { client as infoClient } from "./my-info/client.gen.js";
import { fetchMyInfo } from "./my-info/index.js";
import { passed, setting, unique } from "../steps.js";

const issuer = setting("SDK_ISSUER");
const username = setting("SDK_USERNAME");
const password = setting("SDK_PASSWORD");

// README

client.setConfig({ baseUrl: issuer });
const signIn = { grant_type: "password" as const, client_id: "first-party", username, password };
let { data: token } = await requestToken({ body: signIn, throwOnError: true });
// end
assert.equal(token.token_type, "Bearer");
assert(token.expires_in > 0 && token.refresh_token?.startsWith("jrt_"));
passed("sign-in");

// README

const bearer = ({ scheme }: Auth) => (scheme === "bearer" ? token.access_token : undefined);
client.setConfig({ auth: bearer });
const account = await fetchAccount({ throwOnError: true });
console.log("Signed in as", account.data.username);
// end
assert.equal(account.data.username, username);
passed("account");

// A token for this API. Jeton's own API accepts no token for another one beside it.
const itsToken = await requestToken({ body: { ...signIn, client_id: "my-info" }, throwOnError: true });
infoClient.setConfig({ baseUrl: setting("SDK_API"), auth: () => itsToken.data.access_token });
assert.equal((await fetchMyInfo({ throwOnError: true })).data.sub, account.data.sub);
passed("my-info");

const old = token;
// README

const refresh = { grant_type: "refresh_token" as const, client_id: "first-party", refresh_token: token.refresh_token! };
({ data: token } = await requestToken({ body: refresh, throwOnError: true }));
// end
assert.notEqual(token.refresh_token, old.refresh_token);
assert.equal((await fetchAccount({ throwOnError: true })).data.username, username);
passed("refresh");

token = { ...token, access_token: `${token.access_token}x` };
// README

let answer = await fetchAccount();
if (answer.response?.status === 401) {                         // The access token has expired.
  const newest = { ...refresh, refresh_token: token.refresh_token! };
  ({ data: token } = await requestToken({ body: newest, throwOnError: true }));
  answer = await fetchAccount();
}
// end
assert.equal(answer.data?.username, username);

// README

const { error, response } = await requestToken({ body: { ...signIn, password: "a wrong password" } });
if (!response) throw error;                                    // No response arrived.
if (error) console.log(response.status, error.error, error.error_description);
// end
assert.equal(response.status, 400);
assert.equal(error?.error, "invalid_grant");
passed("error");

const { sessions } = (await listAccountSessions({ throwOnError: true })).data;
assert.deepEqual(sessions.filter((session) => session.current).map((session) => session.client_id), ["first-party"]);
passed("sessions");

const signOut = { token: token.refresh_token!, client_id: "first-party" };
assert.deepEqual((await revokeToken({ body: signOut, throwOnError: true })).data, {});
const ended = await requestToken({ body: { ...refresh, refresh_token: token.refresh_token! } });
assert.equal(ended.error?.error, "invalid_grant");
passed("sign-out");

const operator = { grant_type: "password" as const, scope: "admin", username, password };
({ data: token } = await requestToken({ body: operator, throwOnError: true }));
const credentials = { username: unique("user"), password: unique("passphrase") };
const newUser = { ...credentials, roles: ["reader"] };
const { id } = (await createUser({ body: newUser, throwOnError: true })).data;
assert.deepEqual((await fetchUser({ path: { id }, throwOnError: true })).data.roles, ["reader"]);
const itsSignIn = { grant_type: "password" as const, ...credentials };
const { data: theirs } = await requestToken({ body: itsSignIn, throwOnError: true });
assert.equal((await createUser({ body: newUser })).error?.status, 409);
passed("user");

const change = { current_password: credentials.password, new_password: unique("passphrase") };
const { data: changed } = await changeAccountPassword({ body: change, auth: theirs.access_token, throwOnError: true });
const { data: changedAccount } = await fetchAccount({ auth: changed.access_token, throwOnError: true });
assert.equal(changedAccount.username, credentials.username);
const replaced = { grant_type: "refresh_token" as const, refresh_token: theirs.refresh_token! };
assert.equal((await requestToken({ body: replaced })).error?.error, "invalid_grant");
const renewal = { ...replaced, refresh_token: changed.refresh_token! };
const { data: renewed } = await requestToken({ body: renewal, throwOnError: true });
assert.notEqual(renewed.refresh_token, changed.refresh_token);
passed("password");

const client_id = unique("client");
const registered = await createClient({
  body: {
    client_id,
    token_endpoint_auth_method: "client_secret_basic",
    grant_types: ["client_credentials"],
    access_token_type: "JWT",
  },
  throwOnError: true,
});
assert.equal(registered.data.access_token_type, "JWT");
const own = { grant_type: "client_credentials" as const, client_id, client_secret: registered.data.client_secret! };
assert.equal((await requestToken({ body: own, throwOnError: true })).data.refresh_token, undefined);
passed("client");
