// Goes through every flow of an I.AM Connect with openid-client, which checks each answer itself.
// Usage: node openid_client.mjs REALMS_URL CLIENT_ID PARENT_SSIN HEALTH_URL; prints what it got as JSON.
import * as client from "openid-client";
import { webcrypto } from "node:crypto";

const [realms, citizenApplication, parent, health] = process.argv.slice(2);
const insecure = { execute: [client.allowInsecureRequests] };
const redirectUri = "http://127.0.0.1:9/callback";
const claimsOf = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());

async function logIn() {
  const config = await client.discovery(
    new URL(`${realms}/healthcare`), citizenApplication, undefined, client.None(), insecure);
  client.enableNonRepudiationChecks(config);
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri, scope: "openid", login_hint: parent, state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const answer = await fetch(url, { redirect: "manual" });
  const callback = new URL(answer.headers.get("location"));
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  const tokens = await client.authorizationCodeGrant(config, callback, checks);
  const again = await client.authorizationCodeGrant(config, callback, checks).catch((error) => error.error);
  return { config, tokens, again };
}

async function changeProfile(config, token) {
  return client.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
    subject_token: token,
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    requested_subject: claimsOf(token).may_act[0].sub,
  });
}

const rsa = { hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };

async function askAsMachine(algorithm) {
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const jwk = await webcrypto.subtle.exportKey("jwk", pair.publicKey);
  const config = await client.dynamicClientRegistration(
    new URL(`${realms}/M2M`), { jwks: { keys: [jwk] } }, client.PrivateKeyJwt(pair.privateKey), insecure);
  const tokens = await client.clientCredentialsGrant(config);
  const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(health), "GET");
  return { tokens, status: answer.status };
}

const { config, tokens, again } = await logIn();
const exchanged = await changeProfile(config, tokens.access_token);
const machine = await askAsMachine({ name: "RSASSA-PKCS1-v1_5", ...rsa });
const others = [
  await askAsMachine({ name: "RSA-PSS", ...rsa }),
  await askAsMachine({ name: "ECDSA", namedCurve: "P-256" }),
];
console.log(JSON.stringify({
  citizen: claimsOf(tokens.access_token), identity: tokens.claims(), again,
  parent: claimsOf(exchanged.access_token), machine: claimsOf(machine.tokens.access_token), health: machine.status,
  others: others.map((other) => other.status),
}));
