// A real OpenID provider (oidc-provider) on loopback, with the login forms that it has for development.
// Arguments: port, and the vault's client as JSON: client_id, redirect_uri,
// backchannel_logout_uri, and client_secret or jwks_uri; names are those of people by what they type as their login.
import Provider from 'oidc-provider';

const [port, text] = process.argv.slice(2);
const asked = JSON.parse(text);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: asked.client_id,
    ...(asked.jwks_uri
      ? { jwks_uri: asked.jwks_uri, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' }
      : { client_secret: asked.client_secret, token_endpoint_auth_method: 'client_secret_basic' }),
    redirect_uris: [asked.redirect_uri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    backchannel_logout_uri: asked.backchannel_logout_uri,
    backchannel_logout_session_required: true,
  }],
  // The name that is typed into the login form is the subject. Claims of scopes are at the userinfo endpoint.
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, name: asked.names[id] ?? `${id} of the real provider`, groups: ['staff'] }),
  }),
  claims: { openid: ['sub', 'sid'], profile: ['name'], groups: ['groups'] },
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  pkce: { required: () => true },
  cookies: { keys: ['of a test'] },
  // Its own fetch refuses loopback, so that a logout token would never arrive.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
});
provider.on('backchannel.error', (_, error) => console.error(`back-channel: ${error.message} ${error.cause}`));
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
