// Programs in the documents, run with the addresses of a test.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Writes the program that begins with the comment `// name`, with some of its text replaced. Returns its path.
export function writeProgram(document, name, replacements) {
  const blocks = readFileSync(join(process.env.CHECK_DOCUMENTS, document), 'utf8').split('```js\n')
  let text = blocks.find((block) => block.startsWith(`// ${name}`)).split('\n```')[0]
  for (const [old, other] of Object.entries(replacements)) {
    assert(text.includes(old), `${name} has no ${old}`)
    text = text.replaceAll(old, other)
  }
  const file = fileURLToPath(new URL(name, import.meta.url))
  writeFileSync(file, text)
  return file
}

// Waits until a program responds at the URL.
export async function listening(url) {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await fetch(url).catch(() => null)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(`nothing listens at ${url}`)
}
