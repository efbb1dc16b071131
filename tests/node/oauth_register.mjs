// An application that registers itself and then gets tokens for a person, by openid-client.
//
// usage: oauth_register.mjs MODULES BASE_URL TOKEN LOGIN PASSWORD
//
// MODULES is where the library is installed; TOKEN is an initial access token for one client. Each step prints one line; the first
// that is not as it should be ends with exit code 1.

import { Person, expect, load, refused } from './common.mjs'

const [modules, base, token, login, password] = process.argv.slice(2)
const { client } = await load(modules)
const REDIRECT = 'https://new.example.com/callback'

const metadata = {
  client_name: 'The New One',
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  scope: 'openid orders offline_access',
}
const sorted = (scopes) => scopes.split(' ').sort().join(' ')
const register = (initialAccessToken) =>
  client.dynamicClientRegistration(new URL(base), metadata, client.ClientSecretBasic(), {
    initialAccessToken,
    execute: [client.allowInsecureRequests],
  })

await refused('a wrong token registers nobody', () => register('guess'))
const config = await register(token)
const own = config.clientMetadata()
expect('the client is registered', own.client_id.startsWith('reg-') && own.client_secret.length > 40, own.client_id)
expect('what it is was said', sorted(own.scope) === sorted(metadata.scope) && own.client_name === 'The New One', own.scope)
await refused('the token was for one client', () => register(token))

const verifier = client.randomPKCECodeVerifier()
const [state, nonce] = [client.randomState(), client.randomNonce()]
const person = new Person(base, login, password)
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: REDIRECT,
  scope: 'openid orders offline_access',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
})
const back = await person.visit(url)
expect('people read that nobody verified it', person.seen.some((page) => page.includes('id="unverified"')))
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
const tokens = await client.authorizationCodeGrant(config, back, checks)
expect('it has tokens for the person', tokens.claims().aud === own.client_id, tokens.claims())
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
expect('and renews them', renewed.refresh_token !== tokens.refresh_token)
