/** The addresses of the views. They are below the folder of this module, wherever a proxy puts it. */

const home = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** The address of a view, such as "forgot"; "" is the first one. */
export const addressOf = (view) => (view ? `${home}/${view}` : home);

export const currentView = () => location.pathname.slice(home.length).replace(/^\/|\/$/g, "");

// The addresses in the document are relative to its own, which changes with the view.
const icon = document.querySelector("link[rel=icon]");
icon.href = icon.href; // reads as absolute

/** Show the address of a view, without loading a page. */
export function visit(view) {
  if (view !== currentView()) history.pushState(null, "", addressOf(view));
}
