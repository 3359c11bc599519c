/** Does what a browser does for a page of the server: it resolves relative URLs, and sends cookies that scripts cannot read. */

const origin = process.env["JWTAPI_URL"];
if (origin === undefined) throw new Error("JWTAPI_URL is not set");
export const url: string = origin;

const cookies = new Map<string, string>();
const send = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const request = new Request(input instanceof Request ? input : new URL(input, url), init);
  if (cookies.size > 0) request.headers.set("Cookie", [...cookies].map((pair) => pair.join("=")).join("; "));
  const answer = await send(request);
  for (const line of answer.headers.getSetCookie()) {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (line.includes("Max-Age=0;")) cookies.delete(name);
    else cookies.set(name, value);
  }
  return answer;
};
