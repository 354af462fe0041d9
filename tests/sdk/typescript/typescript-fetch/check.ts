// Checks the SDK of openapi-generator (typescript-fetch) against the servers at SDK_ISSUER and SDK_API.

// README
import { AccountApi, Configuration, ErrorResponseFromJSON, ResponseError, TokenApi } from "jeton-client";
// end
import assert from "node:assert/strict";
import { AccessTokenType, AdminApi, GrantType, ProblemFromJSON, TokenEndpointAuthMethod } from "jeton-client";
import { InfoApi, Configuration as InfoConfiguration } from "my-info-client";
import { passed, setting, unique } from "../steps.js";

const issuer = setting("SDK_ISSUER");
const username = setting("SDK_USERNAME");
const password = setting("SDK_PASSWORD");

// README

const tokens = new TokenApi(new Configuration({ basePath: issuer }));
let token = await tokens.requestToken({ grantType: "password", clientId: "first-party", username, password });
// end
assert.equal(token.tokenType, "Bearer");
assert(token.expiresIn > 0 && token.refreshToken?.startsWith("jrt_"));
passed("sign-in");

// README

const accessToken = () => `Bearer ${token.accessToken}`;
const account = new AccountApi(new Configuration({ basePath: issuer, accessToken }));
console.log("Signed in as", (await account.fetchAccount()).username);
// end
assert.equal((await account.fetchAccount()).username, username);
passed("account");

// A token for this API. Jeton's own API accepts no token for another one beside it.
const its = await tokens.requestToken({ grantType: "password", clientId: "my-info", username, password });
const itsToken = `Bearer ${its.accessToken}`;
const info = new InfoApi(new InfoConfiguration({ basePath: setting("SDK_API"), accessToken: itsToken }));
assert.equal((await info.fetchMyInfo()).sub, (await account.fetchAccount()).sub);
passed("my-info");

const old = token;
// README

const refreshToken = token.refreshToken!;
token = await tokens.requestToken({ grantType: "refresh_token", clientId: "first-party", refreshToken });
// end
assert.notEqual(token.refreshToken, old.refreshToken);
assert.equal((await account.fetchAccount()).username, username);
passed("refresh");

let seen: string | undefined;
// README

try {
  await tokens.requestToken({ grantType: "password", clientId: "first-party", username, password: "a wrong password" });
} catch (failure) {
  if (!(failure instanceof ResponseError)) throw failure;
  const refusal = ErrorResponseFromJSON(await failure.response.json());
  console.log(failure.response.status, refusal.error, refusal.errorDescription);
  // end
  assert.equal(failure.response.status, 400);
  seen = refusal.error;
  // README
}
// end
assert.equal(seen, "invalid_grant");
passed("error");

const { sessions } = await account.listAccountSessions();
assert.deepEqual(sessions.filter((session) => session.current).map((session) => session.clientId), ["first-party"]);
passed("sessions");

await tokens.revokeToken({ token: token.refreshToken!, clientId: "first-party" });
const ended = { grantType: "refresh_token" as const, clientId: "first-party", refreshToken: token.refreshToken! };
assert.equal((await refusal(tokens.requestToken(ended), ErrorResponseFromJSON)).error, "invalid_grant");
passed("sign-out");

const operator = await tokens.requestToken({ grantType: "password", scope: "admin", username, password });
const admin = new AdminApi(new Configuration({ basePath: issuer, accessToken: `Bearer ${operator.accessToken}` }));
const credentials = { username: unique("user"), password: unique("passphrase") };
const userCreation = { ...credentials, roles: ["reader"] };
const user = await admin.createUser({ userCreation });
assert.deepEqual((await admin.fetchUser({ id: user.id })).roles, ["reader"]);
const theirs = await tokens.requestToken({ grantType: "password", ...credentials });
assert.equal((await refusal(admin.createUser({ userCreation }), ProblemFromJSON)).status, 409);
passed("user");

const own = (token: string) => new AccountApi(new Configuration({ basePath: issuer, accessToken: `Bearer ${token}` }));
const passwordChange = { currentPassword: credentials.password, newPassword: unique("passphrase") };
const changed = await own(theirs.accessToken).changeAccountPassword({ passwordChange });
assert.equal((await own(changed.accessToken).fetchAccount()).username, user.username);
const replaced = { grantType: "refresh_token" as const, refreshToken: theirs.refreshToken! };
assert.equal((await refusal(tokens.requestToken(replaced), ErrorResponseFromJSON)).error, "invalid_grant");
const renewed = await tokens.requestToken({ ...replaced, refreshToken: changed.refreshToken! });
assert.notEqual(renewed.refreshToken, changed.refreshToken);
passed("password");

const clientId = unique("client");
const clientCreation = {
  clientId,
  tokenEndpointAuthMethod: TokenEndpointAuthMethod.ClientSecretBasic,
  grantTypes: [GrantType.ClientCredentials],
  accessTokenType: AccessTokenType.Jwt,
};
const client = await admin.createClient({ clientCreation });
assert.equal(client.accessTokenType, AccessTokenType.Jwt);
const service = { grantType: "client_credentials" as const, clientId, clientSecret: client.clientSecret! };
assert.equal((await tokens.requestToken(service)).refreshToken, undefined);
passed("client");

async function refusal<T>(attempt: Promise<unknown>, read: (json: unknown) => T): Promise<T> {
  const failure: unknown = await attempt.then(() => assert.fail("the request was not refused"), (reason) => reason);
  if (!(failure instanceof ResponseError)) throw failure;
  return read(await failure.response.json());
}
