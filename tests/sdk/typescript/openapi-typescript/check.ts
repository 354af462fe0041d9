// Checks the types of openapi-typescript with openapi-fetch against the servers at SDK_ISSUER and SDK_API.

// README
import createClient from "openapi-fetch";
import type { paths } from "./jeton/jeton.js";
// end
import assert from "node:assert/strict";
import type { paths as InfoPaths } from "./my-info/my-info.js";
import { passed, setting, unique } from "../steps.js";

const issuer = setting("SDK_ISSUER");
const username = setting("SDK_USERNAME");
const password = setting("SDK_PASSWORD");

// README

const jeton = createClient<paths>({ baseUrl: issuer });
const form = { headers: { "Content-Type": "application/x-www-form-urlencoded" } };
const signIn = { grant_type: "password" as const, client_id: "first-party", username, password };
let { data: token } = await jeton.POST("/token", { body: signIn, ...form });
if (!token) throw new Error("not signed in");
// end
assert.equal(token.token_type, "Bearer");
assert(token.expires_in > 0 && token.refresh_token?.startsWith("jrt_"));
passed("sign-in");

// README

const bearer = () => ({ headers: { Authorization: `Bearer ${token?.access_token}` } });
const account = await jeton.GET("/account", bearer());
console.log("Signed in as", account.data?.username);
// end
assert.equal(account.data?.username, username);
passed("account");

const info = createClient<InfoPaths>({ baseUrl: setting("SDK_API") });
// A token for this API. Jeton's own API accepts no token for another one beside it.
const { data: its } = await jeton.POST("/token", { body: { ...signIn, client_id: "my-info" }, ...form });
const itsBearer = { headers: { Authorization: `Bearer ${its?.access_token}` } };
assert.equal((await info.GET("/my-info", itsBearer)).data?.sub, account.data.sub);
passed("my-info");

const old = token;
// README

const refresh = { grant_type: "refresh_token" as const, client_id: "first-party", refresh_token: token.refresh_token! };
({ data: token } = await jeton.POST("/token", { body: refresh, ...form }));
// end
assert(token);
assert.notEqual(token.refresh_token, old.refresh_token);
assert.equal((await jeton.GET("/account", bearer())).data?.username, username);
passed("refresh");

// README

const wrong = { ...signIn, password: "a wrong password" };
const { error, response } = await jeton.POST("/token", { body: wrong, ...form });
if (error) console.log(response.status, error.error, error.error_description);
// end
assert.equal(response.status, 400);
assert.equal(error?.error, "invalid_grant");
passed("error");

const { data: list } = await jeton.GET("/account/sessions", bearer());
const current = list?.sessions.filter((session) => session.current);
assert.deepEqual(current?.map((session) => session.client_id), ["first-party"]);
passed("sessions");

const signOut = { token: token.refresh_token!, client_id: "first-party" };
assert.deepEqual((await jeton.POST("/revoke", { body: signOut, ...form })).data, {});
const ended = await jeton.POST("/token", { body: { ...refresh, refresh_token: token.refresh_token! }, ...form });
assert.equal(ended.error?.error, "invalid_grant");
passed("sign-out");

const operator = { grant_type: "password" as const, scope: "admin", username, password };
({ data: token } = await jeton.POST("/token", { body: operator, ...form }));
const credentials = { username: unique("user"), password: unique("passphrase") };
const newUser = { ...credentials, roles: ["reader"] };
const { data: user } = await jeton.POST("/admin/users", { body: newUser, ...bearer() });
assert(user);
const { data: found } = await jeton.GET("/admin/users/{id}", { params: { path: { id: user.id } }, ...bearer() });
assert.deepEqual(found?.roles, ["reader"]);
const { data: theirs } = await jeton.POST("/token", { body: { grant_type: "password", ...credentials }, ...form });
assert(theirs);
const twice = await jeton.POST("/admin/users", { body: newUser, ...bearer() });
assert.equal(twice.error?.status, 409);
passed("user");

const authorized = (accessToken: string) => ({ headers: { Authorization: `Bearer ${accessToken}` } });
const change = { current_password: credentials.password, new_password: unique("passphrase") };
const { data: changed } = await jeton.PUT("/account/password", { body: change, ...authorized(theirs.access_token) });
assert(changed);
const changedAccount = await jeton.GET("/account", authorized(changed.access_token));
assert.equal(changedAccount.data?.username, credentials.username);
const replaced = { grant_type: "refresh_token" as const, refresh_token: theirs.refresh_token! };
assert.equal((await jeton.POST("/token", { body: replaced, ...form })).error?.error, "invalid_grant");
const renewal = { ...replaced, refresh_token: changed.refresh_token! };
const { data: renewed } = await jeton.POST("/token", { body: renewal, ...form });
assert(renewed && renewed.refresh_token !== changed.refresh_token);
passed("password");

const client_id = unique("client");
const { data: client } = await jeton.POST("/admin/clients", {
  body: {
    client_id,
    token_endpoint_auth_method: "client_secret_basic",
    grant_types: ["client_credentials"],
    access_token_type: "JWT",
  },
  ...bearer(),
});
assert.equal(client?.access_token_type, "JWT");
const own = { grant_type: "client_credentials" as const, client_id, client_secret: client.client_secret! };
const { data: service } = await jeton.POST("/token", { body: own, ...form });
assert(service && service.refresh_token === undefined);
passed("client");
