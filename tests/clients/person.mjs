// The person with a browser: browser.py signs in as CHECK_USERNAME and presses the buttons of Jeton's pages.

import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = mkdtempSync(fileURLToPath(new URL('cookies-', import.meta.url)))
const browser = fileURLToPath(new URL('browser.py', import.meta.url))
let people = 0

export class Person {
  #cookies = join(folder, String(++people))

  // Opens a URL. Resolves to the last URL and its page, or to the first URL that starts with `until`, without a page.
  // `failed`: the last page has a status of 400 or more.
  open(url, until) {
    const options = ['--cookies', this.#cookies, ...(until ? ['--until', until] : [])]
    return new Promise((resolve, reject) => {
      execFile('python3', [browser, String(url), ...options], (error, stdout, stderr) => {
        if (error && (error.code !== 1 || !stdout)) return reject(new Error(stderr || error.message))
        const [last, ...page] = stdout.split('\n')
        resolve({ url: last, page: page.join('\n').trim(), failed: Boolean(error) })
      })
    })
  }
}
