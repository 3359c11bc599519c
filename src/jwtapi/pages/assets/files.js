/** Gives the user files. */

import { ApiError } from "../client.js";
import { h } from "./elements.js";

/**
 * @param {Blob} content
 * @param {string} name
 */
export function save(content, name) {
  const href = URL.createObjectURL(content);
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser may read it a moment later
}

/**
 * Save what the server answers under a path. Rejects with an ApiError.
 *
 * @param {import("../client.js").Client} client
 * @param {string} path
 * @param {string} name
 */
export async function download(client, path, name) {
  const lost = (error) => {
    throw error instanceof ApiError ? error : new ApiError(ApiError.NO_ANSWER, String(error));
  };
  const answer = await client.fetch(path).catch(lost);
  if (!answer.ok) throw await ApiError.of(answer);
  save(await answer.blob().catch(lost), name);
}
