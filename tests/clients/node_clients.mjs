// oauth4webapi as an OAuth 2 client and as a resource server, jose as a verifier, against the server of CHECK_ISSUER.

import assert from 'node:assert/strict'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import { check, rejection } from './checks.mjs'
import { http, refused } from './requests.mjs'

const issuer = new URL(process.env.CHECK_ISSUER)
const audience = process.env.CHECK_ISSUER
const account = new URL('/account', issuer)
const password = process.env.CHECK_PASSWORD
const user = { username: process.env.CHECK_USERNAME, password }
const secret = process.env.CHECK_CLIENT_SECRET
const confidential = { client_id: process.env.CHECK_CLIENT_ID }

let server
const clients = {
  none: { client: { client_id: process.env.CHECK_PUBLIC_CLIENT }, proof: oauth.None() },
  client_secret_basic: { client: confidential, proof: oauth.ClientSecretBasic(secret) },
  client_secret_post: { client: confidential, proof: oauth.ClientSecretPost(secret) },
}

async function main() {
  for (const algorithm of ['oauth2', 'oidc']) {
    await check(`oauth4webapi: discovery by ${algorithm}`, () => discovery(algorithm))
  }
  for (const [method, as] of Object.entries(clients)) {
    await check(`oauth4webapi, ${method}: the password grant signs in`, () => signInWorks(as))
    await check(`oauth4webapi, ${method}: two refreshes, each with a new token`, () => refreshesRotate(as))
  }
  await check('oauth4webapi: a token is accepted by /account', accountAcceptsToken)
  await check('oauth4webapi: no token, or a changed one, is challenged', wrongTokensAreChallenged)
  await check('oauth4webapi: a refresh repeated within seconds gets the same response', repeatedRefreshGetsSameResponse)
  await check('oauth4webapi: a replay of a token two generations old revokes the session', replayRevokesSession)
  await check('oauth4webapi: validateJwtAccessToken accepts the token', tokenIsValidByRfc9068)
  await check('oauth4webapi: validateJwtAccessToken refuses another audience', otherAudienceIsInvalid)
  await check('oauth4webapi: a wrong password is invalid_grant', wrongPasswordIsInvalidGrant)
  await check('oauth4webapi: an unknown client by Basic is challenged', unknownClientIsChallenged)
  await check('oauth4webapi: an unknown client by the body is invalid_client', unknownClientIsInvalid)

  await check('jose: the remote key set verifies the token', tokenVerifies)
  await check('jose: a refreshed token verifies', refreshedTokenVerifies)
  await check('jose: another audience, issuer or type is refused', otherNamesAreRefused)
  await check('jose: a changed token is refused', changedTokenIsRefused)
  await check('jose: every kid is the thumbprint of its key', kidsAreThumbprints)
}

async function discovery(algorithm) {
  const answer = await oauth.discoveryRequest(issuer, { algorithm, ...http })
  server = await oauth.processDiscoveryResponse(issuer, answer)
  for (const grant of ['password', 'refresh_token']) assert(server.grant_types_supported.includes(grant), grant)
  for (const method of Object.keys(clients)) {
    assert(server.token_endpoint_auth_methods_supported.includes(method), method)
  }
}

async function signInWorks(as) {
  const token = await signIn(as)
  assert.equal(token.token_type, 'bearer') // oauth4webapi converts it to lower case
  assert(Number.isInteger(token.expires_in) && token.expires_in > 0, 'expires_in')
  assert.equal(typeof token.scope, 'string')
  assert.match(token.refresh_token, /^jrt_[\w-]{64}$/)
}

async function refreshesRotate(as) {
  const first = await signIn(as)
  const second = await refresh(first.refresh_token, as)
  const third = await refresh(second.refresh_token, as)
  for (const member of ['access_token', 'refresh_token']) {
    assert.equal(new Set([first, second, third].map((token) => token[member])).size, 3, member)
  }
}

async function accountAcceptsToken() {
  const { access_token } = await signIn()
  const answer = await oauth.protectedResourceRequest(access_token, 'GET', account, undefined, undefined, http)
  assert.equal(answer.status, 200)
  assert(Object.values(await answer.json()).includes(user.username), 'the account has no username')
}

async function wrongTokensAreChallenged() {
  const bare = await fetch(account, { signal: http.signal })
  assert.equal(bare.status, 401)
  assert.match(bare.headers.get('www-authenticate'), /^Bearer /)

  const { access_token } = await signIn()
  const error = await rejection(
    oauth.protectedResourceRequest(changed(access_token), 'GET', account, undefined, undefined, http),
    oauth.WWWAuthenticateChallengeError,
  )
  assert.equal(error.cause[0].scheme, 'bearer')
  assert.equal(error.cause[0].parameters.error, 'invalid_token')
}

async function repeatedRefreshGetsSameResponse() {
  const first = await signIn()
  const once = await refresh(first.refresh_token)
  const again = await refresh(first.refresh_token)
  assert.equal(again.refresh_token, once.refresh_token)
  assert.equal(again.access_token, once.access_token)
  assert(again.expires_in <= once.expires_in, 'expires_in grew')
  assert.notEqual((await refresh(once.refresh_token)).refresh_token, once.refresh_token)
}

async function replayRevokesSession() {
  const first = await signIn()
  const last = await refresh((await refresh(first.refresh_token)).refresh_token)
  await refused('invalid_grant', refresh(first.refresh_token))
  await refused('invalid_grant', refresh(last.refresh_token))
}

async function tokenIsValidByRfc9068() {
  const { access_token } = await signIn()
  const claims = await oauth.validateJwtAccessToken(server, bearer(access_token), audience, http)
  assert.equal(claims.client_id, clients.none.client.client_id)
}

async function otherAudienceIsInvalid() {
  const { access_token } = await signIn()
  const error = await rejection(
    oauth.validateJwtAccessToken(server, bearer(access_token), 'https://api.example', http),
    oauth.OperationProcessingError,
  )
  assert.equal(error.code, oauth.JWT_CLAIM_COMPARISON)
}

async function wrongPasswordIsInvalidGrant() {
  await refused('invalid_grant', signIn(clients.none, { ...user, password: 'not the password' }))
  await signIn()
}

async function unknownClientIsChallenged() {
  const unknown = { client: { client_id: 'no-such-client' }, proof: oauth.ClientSecretBasic('secret') }
  const error = await rejection(signIn(unknown), oauth.WWWAuthenticateChallengeError)
  assert.equal(error.status, 401)
  assert.equal(error.cause[0].scheme, 'basic')
  assert.equal((await error.response.json()).error, 'invalid_client')
}

async function unknownClientIsInvalid() {
  const unknown = { client: { client_id: 'no-such-client' }, proof: oauth.ClientSecretPost('secret') }
  const error = await rejection(signIn(unknown), Error)
  assert.equal(error.status, 401)
  const code = error instanceof oauth.ResponseBodyError ? error.error : (await error.response.json()).error
  assert.equal(code, 'invalid_client')
}

async function tokenVerifies() {
  const { payload, protectedHeader } = await verify((await signIn()).access_token)
  assert.equal(protectedHeader.alg, 'RS256')
  assert.equal(payload.client_id, clients.none.client.client_id)
}

async function refreshedTokenVerifies() {
  const first = await signIn()
  const before = await verify(first.access_token)
  const after = await verify((await refresh(first.refresh_token)).access_token)
  assert.equal(after.payload.sub, before.payload.sub)
  assert.notEqual(after.payload.jti, before.payload.jti)
}

async function otherNamesAreRefused() {
  const { access_token } = await signIn()
  const others = { audience: 'https://api.example', issuer: 'https://issuer.example', typ: 'JWT' }
  for (const other of Object.entries(others)) {
    await rejection(verify(access_token, Object.fromEntries([other])), jose.errors.JWTClaimValidationFailed)
  }
}

async function changedTokenIsRefused() {
  const { access_token } = await signIn()
  await rejection(verify(changed(access_token)), jose.errors.JWSSignatureVerificationFailed)
}

async function kidsAreThumbprints() {
  const { keys } = await (await fetch(server.jwks_uri, { signal: http.signal })).json()
  assert(keys.length > 0, 'no key')
  for (const key of keys) {
    assert.equal(key.kid, await jose.calculateJwkThumbprint(key))
    assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
  }
}

async function signIn({ client, proof } = clients.none, parameters = user) {
  const answer = await oauth.genericTokenEndpointRequest(server, client, proof, 'password', parameters, http)
  return oauth.processGenericTokenEndpointResponse(server, client, answer)
}

async function refresh(token, { client, proof } = clients.none) {
  const answer = await oauth.refreshTokenGrantRequest(server, client, proof, token, http)
  return oauth.processRefreshTokenResponse(server, client, answer)
}

function verify(token, expected = {}) {
  const keys = jose.createRemoteJWKSet(new URL(server.jwks_uri))
  const requiredClaims = ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti']
  return jose.jwtVerify(token, keys, {
    algorithms: ['RS256'],
    audience,
    issuer: server.issuer,
    typ: 'at+jwt',
    requiredClaims,
    ...expected,
  })
}

function bearer(token) {
  return new Request('https://api.example/', { headers: { authorization: `Bearer ${token}` } })
}

// The first character of the signature: the last one has bits that no decoder reads.
function changed(token) {
  const at = token.lastIndexOf('.') + 1
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

await main()
