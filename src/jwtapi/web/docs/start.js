// Relative addresses, so that the page also works behind a proxy that adds a path.
SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "openapi.json",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
