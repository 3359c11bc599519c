// Compiled, and never run: what a TypeScript program writes, and that the declarations fit the code.

import express from "express";
import { ExpiredToken, InvalidToken, Unavailable, Verifier, type Claims } from "jwtapi-verifier";
import { requireToken } from "jwtapi-verifier/express";
import * as code from "../src/index.js";

const verifier = new Verifier({ issuer: "https://auth.example.com", audience: "orders", onSilence: "ask" });

export async function rolesOf(token: string): Promise<string[]> {
  try {
    const claims: Claims = await verifier.verify(token);
    return claims.roles;
  } catch (error) {
    if (error instanceof ExpiredToken || error instanceof InvalidToken) console.log(error.reason satisfies string);
    if (error instanceof Unavailable) console.log(error.code satisfies string);
    return [];
  }
}

// @ts-expect-error the audience is missing
new Verifier({ issuer: "https://auth.example.com" });

express().use(requireToken(verifier));

export const declared: typeof import("jwtapi-verifier") = code;
