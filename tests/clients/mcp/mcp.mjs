// The MCP server of docs/apis.md and the MCP client of docs/recipes.md: mcp-server.mjs and mcp-client.mjs.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InvalidClientError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import * as jose from 'jose'
import { check, listening, rejection } from './checks.mjs'
import { Person } from './person.mjs'

const issuer = process.env.CHECK_ISSUER
const server = `http://localhost:${process.env.CHECK_MCP_PORT}/mcp`
const metadata = new URL('/.well-known/oauth-protected-resource/mcp', server).href
const callback = `http://localhost:${process.env.CHECK_REDIRECT_PORT}/callback`
const secret = process.env.CHECK_ROBOT_SECRET

let programs = 0
let mcp // the client that is signed in

async function main() {
  const program = spawn(process.execPath, [path('mcp-server.mjs')])
  program.stderr.pipe(process.stderr)
  process.on('exit', () => program.kill())
  process.on('SIGTERM', () => process.exit(1))
  await check('the server of the document names Jeton and the scope', serverNamesJeton)
  await check('the client of the document signs in at the first try and calls a tool', clientSignsIn)
  await check('an expired access token is refreshed', expiredTokenIsRefreshed)
  await check('a refused access token is refreshed', refusedTokenIsRefreshed)
  await check('after a revoked session the client signs in again', revokedSessionSignsInAgain)
  await check('the client refuses another state and another iss', otherReturnsAreRefused)
  await check('a client that is not registered for the server is refused', otherAudienceIsRefused)
  await check('client credentials', clientCredentialsWork)
  await check('a wrong secret is refused', wrongSecretIsRefused)
  await check('the server refuses a token of another audience or scope', otherTokensAreRefused)
}

async function serverNamesJeton() {
  await listening(metadata)
  const document = await (await fetch(metadata)).json()
  assert.equal(document.resource, server)
  assert.deepEqual(document.authorization_servers, [issuer])
  const { status, challenge } = await call()
  assert.equal(status, 401)
  assert.match(challenge, new RegExp(`scope="notes".*resource_metadata="${metadata}"`))
}

async function clientSignsIn() {
  const { opened, running } = run()
  const { page } = await new Person().open(await opened)
  assert.equal(page, 'You may close this window.')
  mcp = await running
  assert.equal(new URL(await opened).searchParams.get('resource'), server)
  const claims = jose.decodeJwt(mcp.stored.tokens.access_token)
  assert.equal(claims.aud, server)
  assert.equal(claims.scope, 'notes')
  assert.equal(claims.client_id, 'assistant')
  assert.equal(mcp.printed.content[0].text, claims.sub)
}

async function expiredTokenIsRefreshed() {
  const before = mcp.stored.tokens
  await new Promise((resolve) => setTimeout(resolve, before.expires_in * 1000 + 100))
  await callTool(mcp.client)
  assert.notEqual(mcp.stored.tokens.refresh_token, before.refresh_token)
}

async function refusedTokenIsRefreshed() {
  const before = mcp.stored.tokens
  mcp.stored.tokens = { ...before, access_token: changed(before.access_token) }
  await callTool(mcp.client)
  assert.notEqual(mcp.stored.tokens.refresh_token, before.refresh_token)
}

async function revokedSessionSignsInAgain() {
  const { stored, client } = mcp
  const token = stored.tokens.refresh_token
  await fetch(`${issuer}/revoke`, { method: 'POST', body: new URLSearchParams({ client_id: 'assistant', token }) })
  stored.tokens = { ...stored.tokens, access_token: changed(stored.tokens.access_token) }
  const opened = openedUrl()
  await rejection(client.callTool({ name: 'whoami' }), UnauthorizedError)
  await new Person().open(await opened)
  await client.transport.finishAuth(await stored.code)
  await callTool(client)
}

async function otherReturnsAreRefused() {
  for (const [name, value] of [['state', 'other'], ['iss', 'https://other.example']]) {
    const { opened, running } = run()
    const failure = rejection(running, Error)
    const returned = new URL((await new Person().open(await opened, callback)).url)
    returned.searchParams.set(name, value)
    await fetch(returned)
    assert.equal((await failure).message, 'wrong state or iss')
  }
}

async function otherAudienceIsRefused() {
  const program = readFileSync(path('mcp-client.mjs'), 'utf8')
  writeFileSync(path('elsewhere.mjs'), program.replace("client_id: 'assistant'", "client_id: 'elsewhere'"))
  const { opened, running } = run('elsewhere.mjs')
  const failure = rejection(running, Error)
  await new Person().open(await opened)
  assert.equal((await failure).message, 'invalid_target')
}

async function clientCredentialsWork() {
  const provider = clientCredentials(secret)
  const client = await connect(provider)
  const claims = jose.decodeJwt(provider.tokens().access_token)
  assert.equal(claims.aud, server)
  assert.equal(await callTool(client), claims.sub)
  await client.close()
}

async function wrongSecretIsRefused() {
  await rejection(connect(clientCredentials('wrong')), InvalidClientError)
}

async function otherTokensAreRefused() {
  const good = await call(await token({ scope: 'notes', resource: server }))
  assert.equal(good.status, 200)
  const otherAudience = await call(await token({ scope: 'notes', resource: 'https://other.example.com' }))
  assert.equal(otherAudience.status, 401)
  assert.match(otherAudience.challenge, /invalid_token/)
  const otherScope = await call(await token({ scope: 'other', resource: server }))
  assert.equal(otherScope.status, 403)
  assert.match(otherScope.challenge, /insufficient_scope/)
}

// Runs a client of the document. `opened` is the URL that it prints; `running` is the program with its last output.
function run(name = 'mcp-client.mjs') {
  const url = openedUrl()
  const running = import(`./${name}?${++programs}`).then((program) => ({ ...program, printed }))
  const opened = Promise.race([url, running.then(() => assert.fail('the program asked for no sign-in'))])
  return { opened, running }
}

function path(name) {
  return fileURLToPath(new URL(name, import.meta.url))
}

// The URL that the program prints next.
const { log } = console
let onOpen = () => {}
let printed
console.log = (text) => {
  if (typeof text !== 'string') printed = text
  else if (text.startsWith('Open ')) onOpen(text.slice('Open '.length))
  else log(text)
}

function openedUrl() {
  return new Promise((resolve) => (onOpen = resolve))
}

async function callTool(client) {
  const { content } = await client.callTool({ name: 'whoami' })
  return content[0].text
}

function clientCredentials(clientSecret) {
  return new ClientCredentialsProvider({ clientId: 'robot', clientSecret, scope: 'notes', expectedIssuer: issuer })
}

async function connect(authProvider) {
  const client = new Client({ name: 'robot', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(server), { authProvider }))
  return client
}

// A token of the client robot.
async function token(parameters) {
  const authorization = `Basic ${btoa(`robot:${secret}`)}`
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...parameters })
  const response = await fetch(`${issuer}/token`, { method: 'POST', headers: { authorization }, body })
  return (await response.json()).access_token
}

// A request of the MCP server with this token.
async function call(token) {
  const response = await fetch(server, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  })
  await response.text()
  return { status: response.status, challenge: response.headers.get('www-authenticate') }
}

// The first character of the signature: the last one has bits that no decoder reads.
function changed(token) {
  const at = token.lastIndexOf('.') + 1
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

await main()
process.exit()
