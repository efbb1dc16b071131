// Tokens that are bound to a key (RFC 9449), from the request for them to a call of an API, by libraries of other authors.
//
// usage: dpop_client.mjs MODULES BASE_URL SECRET LOGIN PASSWORD
//
// MODULES is where the libraries are installed. The confidential client `shop` with SECRET may use codes, refresh tokens and device
// codes, the public client `tv` device codes and refresh tokens. `/v1/` and `/fresh/` are APIs for tokens; the second one, and the
// authorization server, ask for nonces. Each step prints one line; the first that is not as it should be ends with exit code 1.

import { Person, expect, load, refused } from './common.mjs'

const [modules, base, secret, login, password] = process.argv.slice(2)
const { client, oauth } = await load(modules)
const REDIRECT = 'https://app.example.com/callback'

async function byOpenidClient() {
  const insecure = { execute: [client.allowInsecureRequests] }
  const config = await client.discovery(new URL(base), 'shop', undefined, client.ClientSecretBasic(secret), insecure)
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const person = new Person(base, login, password)
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const wanted = {
    redirect_uri: REDIRECT,
    scope: 'openid orders offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  }
  const back = await person.visit(await client.buildAuthorizationUrlWithPAR(config, wanted, { DPoP }))
  const checks = { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true }
  const tokens = await client.authorizationCodeGrant(config, back, checks, undefined, { DPoP })
  expect('openid-client: a pushed request with a proof gives bound tokens', tokens.token_type === 'dpop', tokens)
  const who = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP })
  expect('openid-client: userinfo takes them with a proof', who.sub === tokens.claims().sub, who)
  const call = (path, handle) =>
    client.fetchProtectedResource(config, tokens.access_token, new URL(path, base), 'GET', undefined, undefined, { DPoP: handle })
  for (const path of ['/v1/things', '/fresh/things', '/fresh/things?page=2']) {
    const answer = await call(path, DPoP)
    expect(`openid-client: ${path} takes them with a proof`, answer.status === 200, answer.status)
  }
  await refused('openid-client: with another key they are worth nothing', () => call('/v1/things', thief))
  await refused('openid-client: without a key they are worth nothing', () => call('/v1/things'))
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
  expect('openid-client: renewed ones are bound, too', renewed.token_type === 'dpop', renewed)
  // A code that is for one key is worth nothing with another.
  const again = await person.visit(await client.buildAuthorizationUrlWithPAR(config, wanted, { DPoP }))
  await refused('openid-client: a code for one key gives nothing for another', () =>
    client.authorizationCodeGrant(config, again, checks, undefined, { DPoP: thief }),
  )
}

async function byDevice() {
  const insecure = { execute: [client.allowInsecureRequests] }
  const config = await client.discovery(new URL(base), 'tv', undefined, client.None(), insecure)
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const person = new Person(base, login, password)
  const device = await client.initiateDeviceAuthorization(config, { scope: 'orders' })
  await person.visit(device.verification_uri_complete)
  const tokens = await client.pollDeviceAuthorizationGrant(config, device, undefined, { DPoP })
  expect('openid-client: a device has bound tokens', tokens.token_type === 'dpop', tokens)
  await refused('openid-client: its refresh token is worth nothing with another key', () =>
    client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: thief }),
  )
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
  expect('openid-client: with its own it gives others', renewed.token_type === 'dpop', renewed)
}

async function byOauth4webapi() {
  const insecure = { [oauth.allowInsecureRequests]: true }
  const issuer = new URL(base)
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
  const own = { client_id: 'shop' }
  const DPoP = oauth.DPoP(own, await oauth.generateKeyPair('ES384'))
  const url = new URL('/fresh/things', base)
  let sent
  const recording = {
    ...insecure,
    DPoP,
    [oauth.customFetch]: (to, options) => {
      sent = { to, options }
      return fetch(to, options)
    },
  }
  const ask = async () =>
    oauth.processClientCredentialsResponse(
      as,
      own,
      await oauth.clientCredentialsGrantRequest(as, own, oauth.ClientSecretBasic(secret), { scope: 'orders' }, recording),
    )
  let tokens
  try {
    tokens = await ask()
    expect('oauth4webapi: the first request has no nonce', false, tokens)
  } catch (error) {
    expect('oauth4webapi: the authorization server asks for a nonce', oauth.isDPoPNonceError(error), error.message)
    tokens = await ask()
  }
  expect('oauth4webapi: with it there is a bound token', tokens.token_type === 'dpop', tokens)
  const call = () => oauth.protectedResourceRequest(tokens.access_token, 'GET', url, undefined, undefined, recording)
  let answer
  try {
    answer = await call()
  } catch (error) {
    expect('oauth4webapi: the API asks for a nonce of its own', oauth.isDPoPNonceError(error), error.message)
    answer = await call()
  }
  expect('oauth4webapi: and takes the token with it', answer.status === 200, answer.status)
  const replay = async (to, options) => (await fetch(to, { ...sent.options, ...options })).status
  expect('a proof that is replayed is refused', (await replay(sent.to)) === 401)
  answer = await call()
  expect('oauth4webapi: another proof is not', answer.status === 200, answer.status)
  expect('a proof for another method is refused', (await replay(sent.to, { method: 'DELETE' })) === 401)
  expect('a proof for another URL is refused', (await replay(new URL('/fresh/others', base))) === 401)
}

await byOpenidClient()
await byDevice()
await byOauth4webapi()
