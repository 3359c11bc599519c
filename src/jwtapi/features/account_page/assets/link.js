/** What a link of a mail carries. It is in the fragment, which browsers do not send. */

/**
 * Return the values of the fragment, such as `token` and `account`, and remove it from the address: a token stays in
 * this object only, so that neither the history nor a copied address has it. Nothing is sent before a click.
 *
 * @returns {Record<string, string>}
 */
export function takeLink() {
  const values = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
  return values;
}
