// A person's way through applications that speak OpenID Connect by libraries of other authors: openid-client and oauth4webapi.
//
// usage: oauth_client.mjs MODULES BASE_URL SECRET LOGIN PASSWORD
//
// MODULES is where the libraries are installed. The confidential client `shop` with SECRET may use codes, refresh tokens and
// device codes; the public client `app` may use codes. Each step prints one line; the first that is not as it should be ends with
// exit code 1.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// What the libraries want, and older versions of Node.js hide.
globalThis.crypto ??= (await import('node:crypto')).webcrypto

const [modules, base, secret, login, password] = process.argv.slice(2)
const library = (name) => import(pathToFileURL(join(modules, 'node_modules', name, 'build/index.js')))
const [client, oauth] = await Promise.all([library('openid-client'), library('oauth4webapi')])
const REDIRECT = 'https://app.example.com/callback'

function expect(what, held, seen) {
  if (!held) {
    console.error(`NOT: ${what}: ${JSON.stringify(seen)}`)
    process.exit(1)
  }
  console.log(`ok   ${what}`)
}

async function refused(what, attempt) {
  try {
    await attempt()
  } catch (error) {
    return expect(what, true, error.message)
  }
  expect(what, false)
}

/** A browser without scripts: it fills in forms and follows redirects as far as they stay here. */
class Person {
  cookies = new Map()

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
        if (!at.startsWith(base)) return new URL(at)
        continue
      }
      const page = await answer.text()
      const plain = (text) => text.replaceAll('&#38;', '&').replaceAll('&#34;', '"').replaceAll('&#39;', "'")
      fields = Object.fromEntries([...page.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, plain(value)]))
      if (page.includes('_password')) Object.assign(fields, { _username: login, _password: password })
      else if (page.includes('name="decision"')) fields.decision = 'allow'
      else if (page.includes('id="user_code"')) fields.user_code = /name="user_code" type="text" value="([^"]*)"/.exec(page)[1]
      else return page
      at = new URL(plain(/action="([^"]+)"/.exec(page)[1]), at).href
    }
    expect('a way out', false, at)
  }
}

async function byOpenidClient() {
  const insecure = { execute: [client.allowInsecureRequests] }
  const config = await client.discovery(new URL(base), 'shop', undefined, client.ClientSecretBasic(secret), insecure)
  expect('openid-client: discovery', config.serverMetadata().issuer === base, config.serverMetadata())
  const person = new Person()
  const begin = async (build) => {
    const verifier = client.randomPKCECodeVerifier()
    const [state, nonce] = [client.randomState(), client.randomNonce()]
    const url = await build(config, {
      redirect_uri: REDIRECT,
      scope: 'openid profile orders offline_access',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    })
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
    return { back: await person.visit(url), checks }
  }
  const first = await begin(client.buildAuthorizationUrl)
  const mixed = new URL(first.back)
  mixed.searchParams.set('iss', 'https://evil.example')
  await refused('openid-client: an answer of another issuer is refused (mix-up)', () => client.authorizationCodeGrant(config, mixed, first.checks))
  const tokens = await client.authorizationCodeGrant(config, first.back, first.checks)
  expect('openid-client: there are tokens, and the ID token is good', tokens.claims().aud === 'shop', tokens.claims())
  const who = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  expect('openid-client: userinfo says who it is', who.preferred_username === login, who)
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
  expect('openid-client: the refresh token is replaced', renewed.refresh_token !== tokens.refresh_token)
  await refused('openid-client: an old refresh token is refused', () => client.refreshTokenGrant(config, tokens.refresh_token))
  const pushed = await begin(client.buildAuthorizationUrlWithPAR)
  const again = await client.authorizationCodeGrant(config, pushed.back, pushed.checks)
  expect('openid-client: a pushed request gives tokens', again.claims().sub === tokens.claims().sub, again.claims())
  await refused('openid-client: a code is good once', () => client.authorizationCodeGrant(config, pushed.back, pushed.checks))
  const device = await client.initiateDeviceAuthorization(config, { scope: 'orders' })
  const connected = await person.visit(device.verification_uri_complete)
  expect('openid-client: a person connects a device', connected.includes('Your device is connected'), connected)
  const polled = await client.pollDeviceAuthorizationGrant(config, device)
  expect('openid-client: the device has its tokens', polled.scope === 'orders', polled)
  const out = client.buildEndSessionUrl(config, {
    id_token_hint: again.id_token,
    post_logout_redirect_uri: 'https://app.example.com/bye',
    state: 's',
  })
  const bye = await person.visit(out)
  expect('openid-client: signing out leads back', bye.href === 'https://app.example.com/bye?state=s', bye)
}

async function byOauth4webapi() {
  const insecure = { [oauth.allowInsecureRequests]: true }
  const issuer = new URL(base)
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
  const app = { client_id: 'app' }
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const url = new URL(as.authorization_endpoint)
  const wanted = {
    client_id: 'app',
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: 'openid orders',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  }
  for (const [name, value] of Object.entries(wanted)) url.searchParams.set(name, value)
  const back = await new Person().visit(url)
  const answer = oauth.validateAuthResponse(as, app, back, state)
  const redeem = () => oauth.authorizationCodeGrantRequest(as, app, oauth.None(), answer, REDIRECT, verifier, insecure)
  const process = (response) =>
    oauth.processAuthorizationCodeResponse(as, app, response, { expectedNonce: nonce, requireIdToken: true })
  const response = await redeem()
  const tokens = await process(response)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  expect('oauth4webapi: a public client has tokens', claims.sub.startsWith('customer/'), claims)
  const info = await oauth.userInfoRequest(as, app, tokens.access_token, insecure)
  const who = await oauth.processUserInfoResponse(as, app, claims.sub, info)
  expect('oauth4webapi: userinfo is of the same person', who.sub === claims.sub, who)
  await refused('oauth4webapi: a code is good once', async () => process(await redeem()))
}

await byOpenidClient()
await byOauth4webapi()
