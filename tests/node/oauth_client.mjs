// A person's way through applications that speak OpenID Connect by libraries of other authors: openid-client and oauth4webapi.
//
// usage: oauth_client.mjs MODULES BASE_URL SECRET LOGIN PASSWORD
//
// MODULES is where the libraries are installed. The confidential client `shop` with SECRET may use codes, refresh tokens and
// device codes; the public client `app` may use codes. Each step prints one line; the first that is not as it should be ends with
// exit code 1.

import { Person, expect, load, refused } from './common.mjs'

const [modules, base, secret, login, password] = process.argv.slice(2)
const { client, oauth } = await load(modules)
const REDIRECT = 'https://app.example.com/callback'

async function byOpenidClient() {
  const insecure = { execute: [client.allowInsecureRequests] }
  const config = await client.discovery(new URL(base), 'shop', undefined, client.ClientSecretBasic(secret), insecure)
  expect('openid-client: discovery', config.serverMetadata().issuer === base, config.serverMetadata())
  const person = new Person(base, login, password)
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
  const back = await new Person(base, login, password).visit(url)
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
