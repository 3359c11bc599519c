/**
 * Decodes base64url.
 * @param {string} text
 * @throws {SyntaxError} the text is not the one way in which its bytes can be written
 */
export function decodeBase64url(text) {
  const bytes = Buffer.from(text, "base64url"); // skips other characters, and accepts set bits at the end
  if (bytes.toString("base64url") !== text) throw new SyntaxError("not canonical base64url");
  return bytes;
}
