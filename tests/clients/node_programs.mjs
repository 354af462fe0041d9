// The programs with openid-client in docs/clients.md, with the addresses of this test, against the server of CHECK_ISSUER.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import * as jose from 'jose'
import { check } from './check.mjs'
import { Person } from './person.mjs'

const issuer = process.env.CHECK_ISSUER
const [cliPort, serverPort] = process.env.CHECK_PROGRAM_PORTS.split(' ')
const home = `http://localhost:${serverPort}/`
const running = []

async function main() {
  try {
    await check('openid-client: the command-line program of the document prints the tokens', commandLineProgram)
    await check('openid-client: the command-line program refuses another state and another iss', otherReturnsAreRefused)
    await check('openid-client: the server-side program of the document signs in and out', serverSideProgram)
  } finally {
    for (const program of running) program.kill()
  }
}

async function commandLineProgram() {
  const { program, firstLine, ended } = start('cli.mjs', '9876', cliPort)
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
    const { program, firstLine, ended } = start('cli.mjs', '9876', cliPort)
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
  start('server.mjs', '9877', serverPort)
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

// Starts a program of the document with the addresses of this test.
function start(name, port, thisPort) {
  const file = new URL(name, import.meta.url)
  writeFileSync(file, replaced(replaced(block(name), 'http://localhost:8080', issuer), port, thisPort))
  const program = spawn(process.execPath, [file.pathname], { env: { ...process.env, CLIENT_SECRET: process.env.CHECK_SECRET } })
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

function block(name) {
  const document = readFileSync(process.env.CHECK_DOCUMENT, 'utf8')
  return document.split('```js\n').find((text) => text.startsWith(`// ${name}\n`)).split('```')[0]
}

function replaced(text, old, other) {
  assert(text.includes(old), `the program has no ${old}`)
  return text.replaceAll(old, other)
}

async function listening(url) {
  for (let attempt = 0; attempt < 50; attempt++) {
    if (await fetch(url).catch(() => null)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(`nothing listens at ${url}`)
}

async function fetchRedirect(url) {
  const answer = await fetch(url, { redirect: 'manual' })
  return { url: answer.headers.get('location') }
}

await main()
