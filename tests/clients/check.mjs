// What the checks of the clients share: one line per check, errors that are expected, a timeout for every request.

import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'

// Options of oauth4webapi. HTTP is allowed because the server is on the loopback address.
export const http = {
  [oauth.allowInsecureRequests]: true,
  get signal() {
    return AbortSignal.timeout(15_000)
  },
}

// Runs one check and prints its result.
export async function check(name, run) {
  try {
    await run()
    console.log(`ok node: ${name}`)
  } catch (error) {
    process.exitCode = 1
    console.log(`not ok node: ${name}: ${error.name}: ${error.message.replace(/\s+/g, ' ')}`)
    console.error(error)
  }
}

// The endpoint responds with this error code.
export async function refused(code, attempt) {
  const error = await rejection(attempt, oauth.ResponseBodyError)
  assert.equal(error.error, code)
  assert.equal(error.status, 400)
}

// The error, of this type, by which the attempt fails.
export async function rejection(attempt, type) {
  const error = await attempt.then(
    () => assert.fail(`no ${type.name}`),
    (reason) => reason,
  )
  if (!(error instanceof type)) throw error
  return error
}
