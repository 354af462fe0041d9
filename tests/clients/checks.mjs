// What the programs of checks share: one line per check, and errors that are expected.

import assert from 'node:assert/strict'

const label = process.env.CHECK_LABEL

// Runs one check and prints its result.
export async function check(name, run) {
  try {
    await run()
    console.log(`ok ${label}: ${name}`)
  } catch (error) {
    process.exitCode = 1
    console.log(`not ok ${label}: ${name}: ${error.name}: ${error.message.replace(/\s+/g, ' ')}`)
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

// Waits until a program responds at the URL.
export async function listening(url) {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await fetch(url).catch(() => null)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(`nothing listens at ${url}`)
}
