// What the programs of checks share: one line per check, and errors that are expected.

import assert from 'node:assert/strict'

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

// The error, of this type, by which the attempt fails.
export async function rejection(attempt, type) {
  const error = await attempt.then(
    () => assert.fail(`no ${type.name}`),
    (reason) => reason,
  )
  if (!(error instanceof type)) throw error
  return error
}
