// A program's way from a 401 to a token, by a library of another author (oauth4webapi): it knows the API and its own secret, and
// nothing else.
//
// usage: oauth_resource.mjs MODULES BASE_URL SECRET
//
// MODULES is where the library is installed. GET BASE_URL/v1/report demands the scope `orders`, which the confidential client
// `report` with SECRET may have by client credentials, beside `default`. Each step prints one line; the first that is not as it
// should be ends with exit code 1.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// What the library wants, and older versions of Node.js hide.
globalThis.crypto ??= (await import('node:crypto')).webcrypto

const [modules, base, secret] = process.argv.slice(2)
const oauth = await import(pathToFileURL(join(modules, 'node_modules/oauth4webapi/build/index.js')))
const plain = { [oauth.allowInsecureRequests]: true }
const api = new URL('/v1/report', base)

function expect(what, held, seen) {
  if (!held) {
    console.error(`NOT: ${what}: ${JSON.stringify(seen)}`)
    process.exit(1)
  }
  console.log(`ok   ${what}`)
}

/** Calls the API; the parameters of its challenge, if it has one. */
async function call(token) {
  try {
    const response = await oauth.protectedResourceRequest(token, 'GET', api, undefined, undefined, plain)
    return { status: response.status }
  } catch (error) {
    if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error
    const [{ scheme, parameters }] = error.cause
    return { status: error.status, scheme, ...parameters }
  }
}

const first = await call('nobody')
expect('a wrong token is told so', first.status === 401 && first.error === 'invalid_token', first)
expect('and which scope is needed', first.scope === 'orders', first)

const resource = new URL(base)
const found = await oauth.resourceDiscoveryRequest(resource, plain)
expect('the metadata is where the challenge says', found.url === first.resource_metadata, [found.url, first])
const metadata = await oauth.processResourceDiscoveryResponse(resource, found)
expect('it names what it is about', new URL(metadata.resource).href === resource.href, metadata)
expect('it names the scopes', metadata.scopes_supported.includes(first.scope), metadata)
expect('it names one authorization server', metadata.authorization_servers.length === 1, metadata)

const issuer = new URL(metadata.authorization_servers[0])
const server = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...plain }),
)
const client = { client_id: 'report' }
async function token(scope) {
  const wanted = { scope, resource: metadata.resource }
  const proof = oauth.ClientSecretBasic(secret)
  const response = await oauth.clientCredentialsGrantRequest(server, client, proof, wanted, plain)
  return (await oauth.processClientCredentialsResponse(server, client, response)).access_token
}

const lesser = await call(await token('default'))
expect('a token for something else is not enough', lesser.status === 403, lesser)
expect('and the challenge says what is', lesser.error === 'insufficient_scope' && lesser.scope === 'orders', lesser)
const good = await call(await token(lesser.scope))
expect('that token is', good.status === 200, good)
