"""The tokens of kubelogin's requests, read by the authentication of the Kubernetes API server.

CHECK_CONFIGURATION is the file for --authentication-config; CHECK_AUTHENTICATE prints the user of a token. The person is
browser.py.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

import checks
from browser import Browser
from checks import check, claims, equal, raises, true

ISSUER = os.environ["CHECK_ISSUER"]
AUTHENTICATE = os.environ["CHECK_AUTHENTICATE"]
CONFIGURATION = Path(os.environ["CHECK_CONFIGURATION"])
CERTIFICATE = os.environ["SSL_CERT_FILE"]
RESOURCE = "https://kubernetes.example.com"
REDIRECT_URI = "http://localhost:8000"


def main():
    check("an access token is the user with the roles as groups", access_token_is_accepted)
    check("so is the access token of a refresh", refreshed_token_is_accepted)
    check("a refresh has an ID token, too", refresh_has_id_token)
    check("an ID token is refused", id_token_is_refused)
    check("an access token for the issuer alone is refused", other_audience_is_refused)
    check("a changed token is refused", changed_token_is_refused)
    check("an expired token is refused", expired_token_is_refused)
    check("with the client as audience, the ID token is the user without groups", id_token_is_accepted)
    return checks.status()


def access_token_is_accepted():
    _, token = sign_in()
    equal(claims(token["access_token"])["aud"], RESOURCE)
    is_the_user(token, token["access_token"], ["jeton:cluster-admins"])


def refreshed_token_is_accepted():
    session, token = sign_in()
    refreshed = session.refresh_token()
    true(refreshed["access_token"] != token["access_token"], "the same access token")
    equal(claims(refreshed["access_token"])["aud"], RESOURCE)
    is_the_user(token, refreshed["access_token"], ["jeton:cluster-admins"])


def refresh_has_id_token():
    session, token = sign_in()
    equal(claims(session.refresh_token()["id_token"])["sub"], claims(token["id_token"])["sub"])


def id_token_is_refused():
    refused(sign_in()[1]["id_token"], "audience")


def other_audience_is_refused():
    refused(sign_in("cli", "http://localhost/callback", {})[1]["access_token"], "audience")


def changed_token_is_refused():
    head, signature = sign_in()[1]["access_token"].rsplit(".", 1)
    refused(f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}", "signature")


def expired_token_is_refused():
    token = sign_in()[1]["access_token"]
    time.sleep(10.2)
    refused(token, "expired")


def id_token_is_accepted():
    text = CONFIGURATION.read_text().replace(RESOURCE, "kubernetes")
    configuration = CONFIGURATION.with_name("id_token.yaml")
    configuration.write_text("".join(line for line in text.splitlines(True) if "groups:" not in line))
    _, token = sign_in("kubernetes", REDIRECT_URI, {})
    is_the_user(token, token["id_token"], None, configuration)


def sign_in(client="kubernetes", redirect_uri=REDIRECT_URI, parameters={"resource": RESOURCE}):
    """Returns the session and the token response of the requests that kubelogin sends."""
    session = OAuth2Session(
        client,
        scope="openid",
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        token_endpoint=f"{ISSUER}/token",
        default_timeout=15,
    )
    verifier, nonce = generate_token(48), generate_token(20)
    url, state = session.create_authorization_url(
        f"{ISSUER}/authorize", code_verifier=verifier, nonce=nonce, access_type="offline", **parameters
    )
    returned = Browser().returned(url, redirect_uri)
    equal(parse_qs(urlsplit(returned).query)["iss"], [ISSUER])
    token = session.fetch_token(authorization_response=returned, state=state, code_verifier=verifier)
    equal(claims(token["id_token"])["nonce"], nonce)
    session.scope = None  # kubelogin refreshes without a scope
    return session, dict(token)


def is_the_user(token, sent, groups, configuration=CONFIGURATION):
    user = authenticate(sent, configuration)
    equal(user, {"name": f"jeton:{claims(token['id_token'])['sub']}", "groups": groups})


def refused(token, reason):
    error = raises(subprocess.CalledProcessError, authenticate, token)
    true(reason in error.stderr, error.stderr)


def authenticate(token, configuration=CONFIGURATION):
    """The user whom the API server sees."""
    command = [AUTHENTICATE, str(configuration), CERTIFICATE]
    result = subprocess.run(command, input=token, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(result.stdout)


if __name__ == "__main__":
    sys.exit(main())
