// Swagger UI of this API; Authorize signs in with the page's client.

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

/** Requests tokens for this API only (RFC 8707); the client may also request tokens for the issuer. */
function requestInterceptor(request) {
  const isSignIn = request.method?.toLowerCase() === "post" && /(^|&)grant_type=/.test(request.body);
  if (isSignIn) request.body += `&resource=${encodeURIComponent(meta("resource"))}`;
  return request;
}

const oauth2RedirectUrl = `${meta("resource")}/docs/oauth2-redirect.html`;
const ui = SwaggerUIBundle({ url: "openapi.json", dom_id: "#ui", deepLinking: true, requestInterceptor, oauth2RedirectUrl });
ui.initOAuth({
  clientId: meta("client-id"),
  scopes: "my-info:read my-info:write",
  usePkceWithAuthorizationCodeGrant: true,
});
