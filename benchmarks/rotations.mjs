// Checks tokens that arrive line by line, with each library by its defaults. For each token it prints who refused it.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [issuer, audience, folder, ours, client_id, client_secret] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { createRemoteJWKSet, jwtVerify } = await load("jose");
const { default: jsonwebtoken } = await load("jsonwebtoken");
const { default: jwksClient } = await load("jwks-rsa");
const { JwtVerifier } = await load("aws-jwt-verify");
const { SimpleJwksCache } = await load("aws-jwt-verify/jwk");
const { Verifier } = await import(pathToFileURL(`${ours}/src/index.js`).href);

const jwksUri = `${issuer}/.well-known/jwks.json`;
const keys = createRemoteJWKSet(new URL(jwksUri));
const rsa = jwksClient({ jwksUri });
const keyOf = (header, done) => rsa.getSigningKey(header.kid, (error, key) => done(error, key?.getPublicKey()));
const fetcher = { fetch: async (uri) => new Uint8Array(await (await fetch(uri)).arrayBuffer()) };
const aws = JwtVerifier.create({ issuer, audience }, { jwksCache: new SimpleJwksCache({ fetcher }) });
const verifier = new Verifier({ issuer, audience, clientId: client_id, clientSecret: client_secret });
const libraries = {
  jose: (token) => jwtVerify(token, keys, { issuer, audience, typ: "at+jwt" }),
  "jwks-rsa": (token) =>
    new Promise((resolve, reject) =>
      jsonwebtoken.verify(token, keyOf, { issuer, audience, algorithms: ["ES256"] }, (error, claims) =>
        error ? reject(error) : resolve(claims),
      ),
    ),
  "aws-jwt-verify": (token) => aws.verify(token),
  "jwtapi-verifier for Node.js": (token) => verifier.verify(token),
};

for await (const token of createInterface({ input: process.stdin })) {
  const refused = {};
  for (const [name, check] of Object.entries(libraries)) {
    await check(token).catch((error) => (refused[name] = `${error.name}: ${error.message}`));
  }
  console.log(JSON.stringify(refused));
}
verifier.close();
