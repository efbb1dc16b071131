// A certified OpenID provider (oidc-provider) on a free port of loopback, for people who sign in elsewhere.
//
// usage: provider.mjs MODULES [CERTIFICATE KEY]
//
// MODULES is where the library is installed. With a certificate and its key it speaks TLS, as `localhost`. It prints its issuer, then
// reads where the client is (a URL, and perhaps the provider's name there, on a line), and prints `ready`. Its sign-in page asks for a
// name and nothing else, and whoever has signed in there is asked no more. `ann` and `ben` have verified addresses, everybody else has
// one that was not. POST /sign-out?name=NAME ends the sessions of NAME and tells the clients. POST /restart?alg=ALG makes everything
// anew: another key, of this algorithm, and nobody signed in.
//
// With PROVIDER_API=1 in the environment it also gives the client `robot` opaque access tokens for `urn:example:shop`, by client
// credentials, and tells the client `door` about them.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { pathToFileURL } from 'node:url';

const library = join(process.argv[2], 'node_modules/oidc-provider/lib/index.js');
const { default: Provider } = await import(pathToFileURL(library));

const [certificate, key] = process.argv.slice(3).map((file) => readFileSync(file));
const server = certificate ? createSecureServer({ cert: certificate, key }) : createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `${certificate ? 'https://localhost' : 'http://127.0.0.1'}:${server.address().port}`;
console.log(issuer);
const input = createInterface({ input: process.stdin });
const { value: line } = await input[Symbol.asyncIterator]().next();
const [client, name = 'idp'] = line.split(' ');
// Whoever started it is gone: so is it.
process.stdin.on('end', () => process.exit());
process.stdin.resume();

const kinds = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  EdDSA: ['ed25519', {}],
};

const newKey = (alg) => ({ ...generateKeyPairSync(...kinds[alg]).privateKey.export({ format: 'jwk' }), alg, use: 'sig' });

const machine = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };
const api = process.env.PROVIDER_API === '1' && {
  clients: [
    { ...machine, client_id: 'door', client_secret: 'a secret: of & two' },
    { ...machine, client_id: 'robot', client_secret: 'tin', token_endpoint_auth_method: 'client_secret_post' },
  ],
  features: {
    introspection: { enabled: true },
    revocation: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'orders:read orders:all',
        audience: 'urn:example:shop',
        accessTokenFormat: 'opaque',
        accessTokenTTL: 600,
      }),
    },
  },
};

let sessions, provider, callback;

function begin(alg) {
  sessions = new Map();
  provider = make(alg);
  provider.on('authorization.success', (ctx) => {
    const { accountId } = ctx.oidc.session;
    const sid = ctx.oidc.session.sidFor(ctx.oidc.client.clientId);
    sessions.set(accountId, [...(sessions.get(accountId) ?? []), [ctx.oidc.client.clientId, sid]]);
  });
  callback = provider.callback();
}

const make = (alg) => new Provider(issuer, {
  jwks: { keys: [newKey(alg)] },
  enabledJWA: { idTokenSigningAlgValues: Object.keys(kinds) },
  clients: [
    {
      client_id: 'shop',
      id_token_signed_response_alg: alg,
      client_secret: 'a secret: of & two',
      redirect_uris: [`${client}/oauth2/check/${name}`],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      backchannel_logout_uri: `${client}/oauth2/backchannel/${name}`,
      backchannel_logout_session_required: true,
    },
    ...(api ? api.clients : []),
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name', 'groups'] },
  cookies: { keys: ['one of loopback'] },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, ...(api && api.features) },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true, methods: ['S256'] },
  findAccount: (_, name) => ({
    accountId: name,
    claims: () => ({
      sub: name,
      email: `${name}@example.com`,
      email_verified: ['ann', 'ben'].includes(name),
      given_name: name,
      family_name: 'Example',
      groups: name === 'ben' ? ['staff'] : [],
    }),
  }),
  // Whoever signed in allowed what this client asks for.
  loadExistingGrant: async (ctx) => {
    const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
});
const page = `<!doctype html><title>Provider</title><form method="post"><label>Name <input name="name" autofocus></label>
<button type="submit">Sign in</button></form>`;

async function interaction(request, response) {
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    return response.end(page);
  }
  let body = '';
  for await (const part of request) body += part;
  const name = new URLSearchParams(body).get('name');
  const result = name ? { login: { accountId: name } } : { error: 'access_denied' };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function signOut(name, response) {
  for (const [id, sid] of sessions.get(name) ?? []) {
    const client = await provider.Client.find(id);
    await client.backchannelLogout(name, sid);
  }
  sessions.delete(name);
  response.end('signed out');
}

server.on('request', (request, response) => {
  const url = new URL(request.url, issuer);
  const wrong = (error) => {
    response.statusCode = 500;
    response.end(String(error));
  };
  if (url.pathname.startsWith('/interaction/')) interaction(request, response).catch(wrong);
  else if (url.pathname === '/sign-out') signOut(url.searchParams.get('name'), response).catch(wrong);
  else if (url.pathname === '/restart') {
    begin(url.searchParams.get('alg'));
    response.end('restarted');
  } else callback(request, response);
});
begin('RS256');
console.log('ready');
