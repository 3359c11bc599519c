// Swagger UI has dark colours and does not choose them.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Relative addresses, so that the page also works behind a proxy that adds a path.
SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "openapi.json",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
