// oidc-provider as a peer: it issues the same tokens, and keeps everything in memory.
//
// usage: issuer.mjs MODULES PORT JWKS
//
// MODULES is where the library is installed, JWKS a file with the public key of the client `signed`. The client `bench` has the secret of
// the benchmark. POST /mint?n=N answers N refresh tokens, one on a line, as somebody's consent would have given.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, port, jwks] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(join(modules, 'node_modules/oidc-provider/lib/index.js')));
const issuer = `http://127.0.0.1:${port}`;
const resource = 'https://orders.example.com';
const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
const common = { redirect_uris: [], response_types: [], scope: 'orders offline_access' };

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...key, alg: 'EdDSA', use: 'sig' }] },
  enabledJWA: { idTokenSigningAlgValues: ['EdDSA'] },
  clientDefaults: { id_token_signed_response_alg: 'EdDSA' },
  clients: [
    {
      ...common,
      client_id: 'bench',
      client_secret: 'a-sample-secret-of-the-benchmark-that-is-long-enough',
      grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
      redirect_uris: ['https://app.example.com/callback'],
      response_types: ['code'],
    },
    {
      ...common,
      client_id: 'signed',
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: JSON.parse(readFileSync(jwks)),
    },
  ],
  scopes: ['orders', 'offline_access'],
  cookies: { keys: ['one of loopback'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'orders',
        audience: resource,
        accessTokenTTL: 600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'EdDSA' } },
      }),
    },
  },
  rotateRefreshToken: true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});

async function mint(count) {
  const client = await provider.Client.find('bench');
  const tokens = [];
  for (let n = 0; n < count; n += 1) {
    const grant = new provider.Grant({ clientId: 'bench', accountId: 'jane' });
    grant.addResourceScope(resource, 'orders');
    grant.addOIDCScope('offline_access');
    const grantId = await grant.save();
    const token = new provider.RefreshToken({
      accountId: 'jane', client, grantId, gty: 'authorization_code', resource, rotations: 0, scope: 'orders offline_access',
    });
    tokens.push(await token.save());
  }
  return tokens.join('\n') + '\n';
}

const callback = provider.callback();
const server = createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname !== '/mint') return callback(request, response);
  return mint(Number(url.searchParams.get('n'))).then((text) => response.end(text), (error) => {
    response.statusCode = 500;
    response.end(String(error.stack));
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1');
