// What the clients here share: libraries of other authors, a person with a browser, and lines that say what was seen.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// What the libraries want, and older versions of Node.js hide.
globalThis.crypto ??= (await import('node:crypto')).webcrypto

/** openid-client and oauth4webapi, as they are installed in a folder. */
export async function load(modules) {
  const library = (name) => import(pathToFileURL(join(modules, 'node_modules', name, 'build/index.js')))
  const [client, oauth] = await Promise.all([library('openid-client'), library('oauth4webapi')])
  return { client, oauth }
}

export function expect(what, held, seen) {
  if (!held) {
    console.error(`NOT: ${what}: ${JSON.stringify(seen)}`)
    process.exit(1)
  }
  console.log(`ok   ${what}`)
}

export async function refused(what, attempt) {
  try {
    await attempt()
  } catch (error) {
    return expect(what, true, error.message)
  }
  expect(what, false)
}

/** A browser without scripts: it fills in forms and follows redirects as far as they stay here. */
export class Person {
  cookies = new Map()
  /** The pages that were shown. */
  seen = []

  constructor(base, login, password) {
    Object.assign(this, { base, login, password })
  }

  async send(url, fields) {
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ')
    const body = fields && new URLSearchParams(fields)
    const answer = await fetch(url, { method: body ? 'POST' : 'GET', body, headers: { cookie }, redirect: 'manual' })
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=')
      this.cookies.set(name, value)
    }
    return answer
  }

  /** Where the browser ends up outside, after signing in and saying yes wherever that is asked. */
  async visit(url, fields) {
    let at = String(url)
    for (let step = 0; step < 10; step++) {
      const answer = await this.send(at, fields)
      fields = undefined
      const to = answer.headers.get('location')
      if (to) {
        at = new URL(to, at).href
        if (!at.startsWith(this.base)) return new URL(at)
        continue
      }
      const page = await answer.text()
      this.seen.push(page)
      const plain = (text) => text.replaceAll('&#38;', '&').replaceAll('&#34;', '"').replaceAll('&#39;', "'")
      fields = Object.fromEntries([...page.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, plain(value)]))
      if (page.includes('_password')) Object.assign(fields, { _username: this.login, _password: this.password })
      else if (page.includes('name="decision"')) fields.decision = 'allow'
      else if (page.includes('id="user_code"')) fields.user_code = /name="user_code" type="text" value="([^"]*)"/.exec(page)[1]
      else return page
      at = new URL(plain(/action="([^"]+)"/.exec(page)[1]), at).href
    }
    expect('a way out', false, at)
  }
}
