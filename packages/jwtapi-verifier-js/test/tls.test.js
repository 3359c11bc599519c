import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Issuer, outcome, runProgram } from "./support/issuer.js";

/** A certificate of localhost that no authority has signed. */
function selfSigned(t) {
  const folder = mkdtempSync(join(tmpdir(), "jwtapi-verifier-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost";
  execFileSync("openssl", ["req", ...options.split(" "), "-out", cert, "-keyout", key], { stdio: "ignore" });
  return { file: cert, cert: readFileSync(cert), key: readFileSync(key) };
}

const skip = spawnSync("openssl", ["version"]).error ? "openssl is not on the PATH" : false;

test("only a certificate of an authority that Node.js trusts is accepted", { skip }, async (t) => {
  const certificate = selfSigned(t);
  const issuer = await Issuer.start(t, "ES256", certificate);
  issuer.now = Math.floor(Date.now() / 1000);
  assert.equal(await outcome(issuer.verifier(t), issuer.token()), "Unavailable: no_keys");
  assert.deepEqual(issuer.requests, []);
  const program = `console.log((await verifier.verify("${issuer.token()}")).username, verifier.feedIsLive);`;
  const trusted = await runProgram(issuer, program, { NODE_EXTRA_CA_CERTS: certificate.file });
  assert.deepEqual(trusted, { code: 0, printed: "alice true\n" });
});
