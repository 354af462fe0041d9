// What the checks of oauth4webapi share: the options of each request, and the refusal of one.

import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { rejection } from './checks.mjs'

// HTTP is allowed because the server is on the loopback address. Every request has a timeout.
export const http = {
  [oauth.allowInsecureRequests]: true,
  get signal() {
    return AbortSignal.timeout(15_000)
  },
}

// The endpoint responds with this error code.
export async function refused(code, attempt) {
  const error = await rejection(attempt, oauth.ResponseBodyError)
  assert.equal(error.error, code)
  assert.equal(error.status, 400)
}
