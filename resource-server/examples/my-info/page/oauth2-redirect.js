// The end of the sign-in in Swagger UI: hands the code or the error to the page that opened this window.
const answer = new URLSearchParams(location.search);
const request = window.opener?.swaggerUIRedirectOauth2;
history.replaceState(null, "", location.pathname);

function refuse(message) {
  request.errCb({ authId: request.auth.name, source: "auth", level: "error", message });
}

if (request) {
  if (answer.get("state") !== request.state) {
    refuse("The response does not belong to this sign-in: its state differs. Press Authorize again.");
  } else if (answer.has("code")) {
    delete request.state;
    request.auth.code = answer.get("code");
    request.callback({ auth: request.auth, redirectUrl: request.redirectUrl });
  } else {
    refuse(`${answer.get("error") ?? "no code"}: ${answer.get("error_description") ?? "There was no sign-in."}`);
  }
  window.close();
}
