const ui = SwaggerUIBundle({
  dom_id: "#ui",
  spec: {document},
  oauth2RedirectUrl: {redirect_url},
  deepLinking: true,
})
ui.initOAuth({ clientId: {client_id}, scopes: "account", usePkceWithAuthorizationCodeGrant: true })
