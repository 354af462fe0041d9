// Swagger UI of this API's document; Authorize signs in as the page's own client.

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

/** The client may have tokens for the issuer as well; what this page gets is good for this API alone (RFC 8707). */
function requestInterceptor(request) {
  const isSignIn = request.method?.toLowerCase() === "post" && /(^|&)grant_type=/.test(request.body);
  if (isSignIn) request.body += `&resource=${encodeURIComponent(meta("resource"))}`;
  return request;
}

const ui = SwaggerUIBundle({ url: "openapi.json", dom_id: "#ui", deepLinking: true, requestInterceptor });
ui.initOAuth({
  clientId: meta("client-id"),
  scopes: "my-info:read my-info:write",
});
