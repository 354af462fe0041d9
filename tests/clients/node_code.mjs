// oauth4webapi as a client of the authorization code flow, against the server of CHECK_ISSUER.

import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { check, rejection } from './checks.mjs'
import { Person } from './person.mjs'
import { http, refused } from './requests.mjs'

const issuer = new URL(process.env.CHECK_ISSUER)
const redirect_uri = process.env.CHECK_REDIRECT_URI
const signedOut = process.env.CHECK_POST_LOGOUT_REDIRECT_URI
const scope = 'openid profile'

let server
const page = { client: { client_id: process.env.CHECK_CODE_PUBLIC }, proof: oauth.None() }
const service = {
  client: { client_id: process.env.CHECK_CODE_CONFIDENTIAL },
  proof: oauth.ClientSecretBasic(process.env.CHECK_CODE_SECRET),
}

async function main() {
  await check('oauth4webapi, code: discovery names what the flow needs', discovery)
  for (const [kind, as] of Object.entries({ public: page, confidential: service })) {
    const name = `oauth4webapi, code, ${kind}`
    await check(`${name}: signs in with PKCE, state, iss and nonce`, () => signInWorks(as))
    await check(`${name}: /userinfo has the claims`, () => userInfoWorks(as))
    await check(`${name}: each refresh has an ID token of the same sign-in`, () => refreshHasIdToken(as))
    await check(`${name}: a revocation ends the session`, () => revocationWorks(as))
    await check(`${name}: sign-out ends the session, and offline_access survives`, () => signOutWorks(as))
    await check(`${name}: a wrong verifier is refused`, () => wrongVerifierIsRefused(as))
    await check(`${name}: a code sent twice is refused, and the session lives`, () => secondExchangeIsRefused(as))
    await check(`${name}: a code used by another device ends the session`, () => secondDeviceEndsSession(as))
  }
  await check('oauth4webapi, code: a signed-in browser needs no second sign-in', silentSignInWorks)
  await check('oauth4webapi, code: max_age requires a new sign-in', maxAgeWorks)
  await check('oauth4webapi, code: a wrong state is refused', wrongStateIsRefused)
  await check('oauth4webapi, code: another iss, or none, is refused', otherIssuerIsRefused)
  await check('oauth4webapi, code: a wrong nonce is refused', wrongNonceIsRefused)
  await check('oauth4webapi, code: another client cannot use the code', otherClientIsRefused)
  await check('oauth4webapi, code: another redirect URI gets a page and no redirect', otherRedirectUriIsRefused)
  await check('oauth4webapi, code: prompt=none without a sign-in is login_required', promptNoneIsRefused)
}

async function discovery() {
  server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http))
  assert(server.grant_types_supported.includes('authorization_code'))
  assert.deepEqual(server.code_challenge_methods_supported, ['S256'])
  assert.equal(server.authorization_response_iss_parameter_supported, true)
}

async function signInWorks(as) {
  const sent = await request(as)
  const { token, response } = await exchange(as, sent, await signIn(new Person(), sent))
  await oauth.validateApplicationLevelSignature(server, response, http)
  assert.equal(token.scope, scope)
  assert.match(token.refresh_token, /^jrt_/)
  const claims = oauth.getValidatedIdTokenClaims(token)
  assert.equal(claims.aud, as.client.client_id)
  assert.equal(claims.acr, 'pwd')
}

async function userInfoWorks(as) {
  const { token } = await session(as)
  const { sub } = oauth.getValidatedIdTokenClaims(token)
  const response = await oauth.userInfoRequest(server, as.client, token.access_token, http)
  const claims = await oauth.processUserInfoResponse(server, as.client, sub, response)
  assert.equal(claims.preferred_username, process.env.CHECK_USERNAME)
}

async function refreshHasIdToken(as) {
  let { token } = await session(as)
  const first = oauth.getValidatedIdTokenClaims(token)
  for (const _ of [1, 2]) {
    token = await refresh(as, token)
    const claims = oauth.getValidatedIdTokenClaims(token)
    for (const name of ['sub', 'sid', 'auth_time', 'aud', 'acr']) assert.equal(claims[name], first[name], name)
  }
}

async function revocationWorks(as) {
  const { token } = await session(as)
  const { client, proof } = as
  const response = await oauth.revocationRequest(server, client, proof, token.refresh_token, http)
  await oauth.processRevocationResponse(response)
  await refused('invalid_grant', refresh(as, token))
}

async function signOutWorks(as) {
  const person = new Person()
  const { token } = await session(as, person)
  const { token: offline } = await session(as, person, { scope: `${scope} offline_access` })
  const url = new URL(server.end_session_endpoint)
  const parameters = { id_token_hint: token.id_token, post_logout_redirect_uri: signedOut, state: 'signed out' }
  url.search = new URLSearchParams(parameters)
  const last = await person.open(url, signedOut)
  assert.equal(last.url, `${signedOut}?state=signed+out`)
  await refused('invalid_grant', refresh(as, token))
  await refresh(as, offline)
  await redirectedError('login_required', as, person, { prompt: 'none' })
}

async function wrongVerifierIsRefused(as) {
  const sent = await request(as)
  const url = await signIn(new Person(), sent)
  await refused('invalid_grant', exchange(as, { ...sent, verifier: oauth.generateRandomCodeVerifier() }, url))
}

async function secondExchangeIsRefused(as) {
  const sent = await request(as)
  const url = await signIn(new Person(), sent)
  const { token } = await exchange(as, sent, url)
  await refused('invalid_grant', exchange(as, sent, url))
  await refresh(as, token)
}

async function secondDeviceEndsSession(as) {
  const sent = await request(as)
  const url = await signIn(new Person(), sent)
  const { token } = await exchange(as, sent, url)
  const newest = await refresh(as, token)
  await refused('invalid_grant', exchange({ ...as, headers: { 'user-agent': 'another' } }, sent, url))
  await refused('invalid_grant', refresh(as, newest))
}

async function silentSignInWorks() {
  const person = new Person()
  const { token } = await session(service, person)
  const { token: second } = await session(service, person, { prompt: 'none', id_token_hint: token.id_token })
  const [first, again] = [token, second].map(oauth.getValidatedIdTokenClaims)
  assert.equal(again.auth_time, first.auth_time)
  assert.notEqual(again.sid, first.sid)
}

async function maxAgeWorks() {
  const strict = { ...service, client: { ...service.client, [oauth.clockTolerance]: 0 } }
  const person = new Person()
  const { token } = await session(strict, person)
  await new Promise((resolve) => setTimeout(resolve, 2100))
  await rejection(session(strict, person, {}, { maxAge: 1 }), oauth.OperationProcessingError)
  const { token: second } = await session(strict, person, { max_age: 1 }, { maxAge: 1 })
  const [first, again] = [token, second].map(oauth.getValidatedIdTokenClaims)
  assert(again.auth_time > first.auth_time, 'auth_time has not changed')
}

async function wrongStateIsRefused() {
  const sent = await request(page)
  const url = await signIn(new Person(), sent)
  const error = await rejection(
    exchange(page, { ...sent, state: oauth.generateRandomState() }, url),
    oauth.OperationProcessingError,
  )
  assert.match(error.message, /"state"/)
}

async function otherIssuerIsRefused() {
  const sent = await request(page)
  const url = await signIn(new Person(), sent)
  for (const change of [(query) => query.set('iss', 'https://other.example'), (query) => query.delete('iss')]) {
    const changed = new URL(url)
    change(changed.searchParams)
    const error = await rejection(exchange(page, sent, changed), oauth.OperationProcessingError)
    assert.match(error.message, /"iss"/)
  }
  await exchange(page, sent, url)
}

async function wrongNonceIsRefused() {
  const sent = await request(page)
  const url = await signIn(new Person(), sent)
  const error = await rejection(
    exchange(page, { ...sent, nonce: oauth.generateRandomNonce() }, url),
    oauth.OperationProcessingError,
  )
  assert.equal(error.code, oauth.JWT_CLAIM_COMPARISON)
  assert.match(error.message, /"nonce"/)
}

async function otherClientIsRefused() {
  const sent = await request(page)
  const url = await signIn(new Person(), sent)
  await refused('invalid_grant', exchange(service, sent, url))
}

async function otherRedirectUriIsRefused() {
  const other = `${redirect_uri}/other`
  const { url } = await request(page, { redirect_uri: other })
  const last = await new Person().open(url, new URL(other).origin)
  assert(last.failed && last.url.startsWith(issuer.href), last.url)
}

async function promptNoneIsRefused() {
  await redirectedError('login_required', page, new Person(), { prompt: 'none' })
}

// A session of a person at a client: the response of the sign-in.
async function session(as, person = new Person(), parameters = {}, options = {}) {
  const sent = await request(as, parameters)
  return exchange(as, sent, await signIn(person, sent), options)
}

// An authorization request: its URL, and what the client stores until the browser returns.
async function request(as, parameters = {}) {
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const url = new URL(server.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: as.client.client_id,
    redirect_uri,
    response_type: 'code',
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  })
  return { url, verifier, state, nonce }
}

// The URL by which the browser returns to the client.
async function signIn(person, sent) {
  const { url, page: text } = await person.open(sent.url, redirect_uri)
  assert(url.startsWith(redirect_uri), `the browser stays at ${url}: ${text}`)
  return new URL(url)
}

async function exchange({ client, proof, headers }, { verifier, state, nonce }, url, options = {}) {
  const parameters = oauth.validateAuthResponse(server, client, url, state)
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    proof,
    parameters,
    redirect_uri,
    verifier,
    { ...http, headers },
  )
  const expected = { expectedNonce: nonce, requireIdToken: true, ...options }
  return { response, token: await oauth.processAuthorizationCodeResponse(server, client, response, expected) }
}

async function refresh({ client, proof }, { refresh_token }) {
  const response = await oauth.refreshTokenGrantRequest(server, client, proof, refresh_token, http)
  return oauth.processRefreshTokenResponse(server, client, response)
}

// The browser returns with this error.
async function redirectedError(code, as, person, parameters) {
  const error = await rejection(session(as, person, parameters), oauth.AuthorizationResponseError)
  assert.equal(error.error, code)
}

await main()
