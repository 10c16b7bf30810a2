// A real identity provider for tests and for trying things out: everything in memory,
// people sign in with one click, and nobody should ever put it on a network.
//
//   node tests/idp/server.mjs tests/idp/example.json
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
const users = new Map(config.users.map((user) => [user.sub, user]));
const hour = 3600;

const escaped = (text) =>
  String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>${title}</title>
<style>:root{color-scheme:light dark;font:16px/1.5 system-ui}body{max-width:26rem;margin:12vh auto;padding:0 1rem}
button{font:inherit;display:block;width:100%;margin:.4rem 0;padding:.5rem}</style>
<h1>${title}</h1>${body}</html>`;

// Each user is what the ID token says, besides `sub`.
const account = (ctx, sub) =>
  users.has(sub) && { accountId: sub, claims: async () => users.get(sub) };

const client = (given) => ({
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  require_auth_time: true,
  ...given,
});

function provider(issuer) {
  return new Provider(issuer, {
    clients: config.clients.map(client),
    findAccount: account,
    conformIdTokenClaims: false,
    claims: {
      openid: ["sub", "groups", "amr"],
      profile: ["name", "preferred_username"],
      email: ["email"],
    },
    scopes: ["openid", "profile", "email", "offline_access"],
    cookies: { keys: ["only for tests"] },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, indicator) => ({
          scope: "",
          audience: indicator,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
        defaultResource: () => undefined,
        useGrantedResource: () => true,
      },
    },
    jwks: { keys: config.keys ?? generated() },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: async (ctx, of, code) =>
      of.grantTypeAllowed("refresh_token") && code.scopes.has("openid"),
    rotateRefreshToken: true,
    ttl: {
      IdToken: config.id_token_seconds ?? hour,
      AccessToken: hour,
      ClientCredentials: hour,
      DeviceCode: 600,
      Grant: 24 * hour,
      Interaction: hour,
      RefreshToken: 24 * hour,
      Session: 24 * hour,
    },
  });
}

// RFC 8628: who polls faster than the interval is told to slow down. The library leaves
// that to whoever runs it.
function patience(oidc, seconds, hasty_ms = seconds * 900) {
  const polled = new Map();
  oidc.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === "device_authorization" && ctx.body.device_code)
      ctx.body.interval = seconds;
    const code = ctx.oidc?.params?.device_code;
    if (!code || ctx.body?.error !== "authorization_pending") return;
    const since = Date.now() - (polled.get(code) ?? 0);
    polled.set(code, Date.now());
    if (since < hasty_ms) ctx.body = { error: "slow_down" };
  });
}

function generated() {
  const made = ["ec", "rsa"].map((type) =>
    type === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 }),
  );
  return made.map(({ privateKey }) => privateKey.export({ format: "jwk" }));
}

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

function choose(uid) {
  const buttons = [...users.values()].map(
    (user) => `<button name="sub" value="${escaped(user.sub)}">${escaped(user.name)}</button>`,
  );
  return page("Who are you?", `<form method="post" action="/interaction/${uid}">
${buttons.join("\n")}<button name="abort" value="1">Nobody</button></form>`);
}

async function consent(oidc, details) {
  const grant = details.grantId
    ? await oidc.Grant.find(details.grantId)
    : new oidc.Grant({
        accountId: details.session.accountId,
        clientId: details.params.client_id,
      });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } =
    details.prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(" "));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [name, scopes] of Object.entries(missingResourceScopes ?? {}))
    grant.addResourceScope(name, scopes.join(" "));
  return { consent: { grantId: await grant.save() } };
}

async function interact(oidc, request, response) {
  const details = await oidc.interactionDetails(request, response);
  if (details.prompt.name === "consent") {
    const result = await consent(oidc, details);
    return oidc.interactionFinished(request, response, result);
  }
  if (request.method !== "POST") {
    response.setHeader("content-type", "text/html");
    return response.end(choose(details.uid));
  }
  const form = new URLSearchParams(await body(request));
  const result = form.has("abort")
    ? { error: "access_denied", error_description: "nobody signed in" }
    : { login: { accountId: form.get("sub"), amr: ["pwd", "otp"] } };
  return oidc.interactionFinished(request, response, result, {
    mergeWithLastSubmission: false,
  });
}

// Tests change who is in which group: PUT /users/SUB with the claims of the ID token.
async function change(request, response) {
  const sub = decodeURIComponent(request.url.slice("/users/".length));
  if (request.method === "DELETE") users.delete(sub);
  else users.set(sub, { ...JSON.parse(await body(request)), sub });
  response.statusCode = 204;
  response.end();
}

const server = createServer();
server.listen(config.port ?? 0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const oidc = provider(issuer);
  patience(oidc, config.poll_seconds ?? 5, config.hasty_ms);
  const answer = oidc.callback();
  server.on("request", (request, response) => {
    const handled = request.url.startsWith("/interaction/")
      ? interact(oidc, request, response)
      : request.url.startsWith("/users/")
        ? change(request, response)
        : answer(request, response);
    Promise.resolve(handled).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  console.log(`identity provider on ${issuer}`);
});
