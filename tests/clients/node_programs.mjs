// The programs with openid-client of docs/recipes.md, cli.mjs and server.mjs, against the server of CHECK_ISSUER.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as jose from 'jose'
import { check, listening } from './checks.mjs'
import { Person } from './person.mjs'

const issuer = process.env.CHECK_ISSUER
const [cliPort, serverPort] = process.env.CHECK_PROGRAM_PORTS.split(' ')
const home = `http://localhost:${serverPort}/`
const running = []

async function main() {
  process.on('exit', () => running.forEach((program) => program.kill()))
  process.on('SIGTERM', () => process.exit(1))
  await check('openid-client: the command-line program of the document prints the tokens', commandLineProgram)
  await check('openid-client: the command-line program refuses another state and another iss', otherReturnsAreRefused)
  await check('openid-client: the server-side program of the document signs in and out', serverSideProgram)
}

async function commandLineProgram() {
  const { program, firstLine, ended } = start('cli.mjs')
  const { page, failed } = await new Person().open(await firstLine())
  assert.equal(page, 'You may close this window.')
  assert(!failed)
  const output = await ended
  assert.equal(program.exitCode, 0)
  const token = /access_token: '(.+?)'/.exec(output)[1]
  const claims = jose.decodeJwt(token)
  assert.equal(claims.client_id, 'terminal')
  assert.equal(claims.scope, 'account')
  assert.match(output, /refresh_token: 'jrt_/)
  const answer = await fetch(`${issuer}/account`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal((await answer.json()).username, process.env.CHECK_USERNAME)
}

async function otherReturnsAreRefused() {
  for (const [name, value] of [['state', 'other'], ['iss', 'https://other.example']]) {
    const { program, firstLine, ended } = start('cli.mjs')
    const callback = `http://localhost:${cliPort}/callback`
    const returned = new URL((await new Person().open(await firstLine(), callback)).url)
    returned.searchParams.set(name, value)
    await fetch(returned).catch(() => {})
    const output = await ended
    assert.notEqual(program.exitCode, 0, name)
    assert.match(output, new RegExp(`unexpected "${name}"`))
    assert.doesNotMatch(output, /access_token/)
  }
}

async function serverSideProgram() {
  start('server.mjs')
  await listening(home)
  const person = new Person()
  assert.equal((await person.open(home)).page, 'Hello, stranger')

  const signedIn = await person.open(`${home}sign-in`)
  assert.equal(signedIn.url, home)
  assert.equal(signedIn.page, `Hello, ${process.env.CHECK_USERNAME}`)

  const stranger = await new Person().open(`${home}callback?code=x&state=y&iss=${issuer}`)
  assert(stranger.failed, stranger.page)

  const signedOut = await person.open(`${home}sign-out`)
  assert.equal(signedOut.url, home)
  assert.equal(signedOut.page, 'Hello, stranger')
  const { url } = await fetchRedirect(`${home}sign-in`)
  const silent = await person.open(`${url}&prompt=none`, `${home}callback`)
  assert.equal(new URL(silent.url).searchParams.get('error'), 'login_required')
}

// Starts a program of the document.
function start(name) {
  const program = spawn(process.execPath, [fileURLToPath(new URL(name, import.meta.url))])
  running.push(program)
  let output = ''
  for (const stream of [program.stdout, program.stderr]) stream.on('data', (text) => (output += text))
  const ended = once(program, 'close').then(() => output)
  const firstLine = () => {
    const line = once(createInterface(program.stdout), 'line').then(([text]) => text)
    return Promise.race([line, ended.then(() => assert.fail(`${name} stopped: ${output}`))])
  }
  return { program, ended, firstLine }
}

async function fetchRedirect(url) {
  const answer = await fetch(url, { redirect: 'manual' })
  return { url: answer.headers.get('location') }
}

await main()
process.exit()
