// Swagger UI of this API's document; Authorize signs in as the page's own client.

const ui = SwaggerUIBundle({ url: "openapi.json", dom_id: "#ui", deepLinking: true });
ui.initOAuth({
  clientId: document.querySelector('meta[name="client-id"]').content,
  scopes: "my-info:read my-info:write",
});
