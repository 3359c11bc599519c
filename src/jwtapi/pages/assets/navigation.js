/** The addresses of the views. They are below the folder of this module, wherever a proxy puts it. */

const home = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** The address of a view, such as "forgot"; "" is the first one. It may have a query. */
export const addressOf = (view) => (view && !view.startsWith("?") ? `${home}/${view}` : home + view);

export const currentView = () => location.pathname.slice(home.length).replace(/^\/|\/$/g, "");

/** The view and its query that a link within the page leads to, or null for all other links. */
export function viewOf(link) {
  const inside = link.origin === location.origin && `${link.pathname}/`.startsWith(`${home}/`);
  return inside ? link.pathname.slice(home.length + 1) + link.search : null;
}

// The addresses in the document are relative to its own, which changes with the view.
const icon = document.querySelector("link[rel=icon]");
icon.href = icon.href; // reads as absolute

/** Show the address of a view, without loading a page. `state` is what a reload and "back" keep of it. */
export function visit(view, state = null) {
  if (view !== currentView() + location.search) history.pushState(state, "", addressOf(view));
}

/** Replace the query of the address, which is another state of the same view. */
export const amend = (query, state = null) => history.replaceState(state, "", location.pathname + query);
