"""The authorization code grant by Authlib and requests-oauthlib without a framework, against the server at CHECK_ISSUER.

The calls are those of docs/recipes.md. The client is public; the person is browser.py.
"""

import os
import sys

import jwt
import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.integrations.requests_client import OAuthError
from authlib.oauth2.rfc6749.errors import MismatchingStateException
from oauthlib.oauth2 import InvalidGrantError, MismatchingStateError
from requests_oauthlib import OAuth2Session

import checks
from browser import Browser
from checks import check, equal, raises, true

ISSUER = os.environ["CHECK_ISSUER"]
USERNAME = os.environ["CHECK_USERNAME"]
CLIENT = "cli"
REDIRECT_URI = "http://localhost:9876/callback"
TIMEOUT = 15

# oauthlib refuses an http URL of a token endpoint or a redirect, also on this machine.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def main():
    check("authlib: the code grant signs in", authlib_signs_in)
    check("authlib: a refresh gets a new ID token of the session", authlib_refreshes)
    check("authlib: another state is refused", authlib_refuses_another_state)
    check("authlib: another verifier is invalid_grant", another_verifier_is_invalid)
    check("authlib: a second exchange is invalid_grant and ends the session", second_exchange_ends_session)
    check("authlib: another client cannot exchange the code", another_client_cannot_exchange)
    check("requests-oauthlib: the code grant signs in", requests_oauthlib_signs_in)
    check("requests-oauthlib: an expired token is refreshed", requests_oauthlib_refreshes)
    check("requests-oauthlib: another state is refused", requests_oauthlib_refuses_another_state)
    check("requests-oauthlib: a code is good for one exchange", requests_oauthlib_exchanges_once)
    check("an unregistered redirect URI gets an error page", unregistered_redirect_uri_gets_page)
    return checks.status()


def authlib_signs_in():
    session, returned, state, verifier = authlib_request(nonce="once")
    token = authlib_exchange(session, returned, state, verifier)
    claims = id_token(token)
    equal(claims["nonce"], "once")
    user = session.get(f"{ISSUER}/userinfo").json()
    equal((user["sub"], user["preferred_username"]), (claims["sub"], USERNAME))


def authlib_refreshes():
    session, returned, state, verifier = authlib_request(nonce="once")
    first = dict(authlib_exchange(session, returned, state, verifier))
    second = dict(session.refresh_token())
    true(first["refresh_token"] != second["refresh_token"], "the refresh token is the same")
    before, after = id_token(first), id_token(second)
    for claim in ("sub", "sid", "auth_time", "acr"):
        equal(after[claim], before[claim])
    true("nonce" not in after, "the ID token of a refresh has a nonce")


def authlib_refuses_another_state():
    session, returned, _, verifier = authlib_request()
    raises(MismatchingStateException, authlib_exchange, session, returned, "other", verifier)
    authlib_exchange(session, returned, returned.split("state=")[1].split("&")[0], verifier)


def another_verifier_is_invalid():
    session, returned, state, _ = authlib_request()
    invalid_grant(authlib_exchange, session, returned, state, generate_token(48))


def second_exchange_ends_session():
    session, returned, state, verifier = authlib_request()
    token = dict(authlib_exchange(session, returned, state, verifier))
    session.headers["User-Agent"] = "another device"
    invalid_grant(authlib_exchange, session, returned, state, verifier)
    invalid_grant(session.refresh_token, None, token["refresh_token"])


def another_client_cannot_exchange():
    session, returned, state, verifier = authlib_request()
    session.client_id = os.environ["CHECK_PUBLIC_CLIENT"]
    error = raises(OAuthError, authlib_exchange, session, returned, state, verifier)
    true(error.error in ("invalid_grant", "unauthorized_client"), error.error)


def requests_oauthlib_signs_in():
    session, returned = requests_oauthlib_request()
    token = requests_oauthlib_exchange(session, returned)
    equal(session.get(f"{ISSUER}/userinfo").json()["sub"], id_token(token)["sub"])


def requests_oauthlib_refreshes():
    saved = []
    session, returned = requests_oauthlib_request(saved.append)
    token = dict(requests_oauthlib_exchange(session, returned))
    session.token = token | {"expires_in": -1, "expires_at": 1}
    equal(session.get(f"{ISSUER}/userinfo").json()["preferred_username"], USERNAME)
    equal(len(saved), 1)
    true(saved[0]["refresh_token"] != token["refresh_token"], "the refresh token is the same")
    equal(id_token(saved[0])["sid"], id_token(token)["sid"])


def requests_oauthlib_refuses_another_state():
    session, returned = requests_oauthlib_request()
    raises(MismatchingStateError, requests_oauthlib_exchange, session, returned.replace("state=", "state=other"))


def requests_oauthlib_exchanges_once():
    session, returned = requests_oauthlib_request()
    requests_oauthlib_exchange(session, returned)
    raises(InvalidGrantError, requests_oauthlib_exchange, session, returned)


def unregistered_redirect_uri_gets_page():
    session = AuthlibSession(CLIENT, scope="openid", redirect_uri=REDIRECT_URI + "/other", code_challenge_method="S256")
    url, _ = session.create_authorization_url(f"{ISSUER}/authorize", code_verifier=generate_token(48))
    at, status, _ = Browser().open(url, REDIRECT_URI)
    equal((status, at), (400, url))


def authlib_request(**parameters):
    """Returns a session, the redirect, the state and the verifier."""
    session = AuthlibSession(
        CLIENT,
        scope="openid profile",
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        token_endpoint=f"{ISSUER}/token",
        default_timeout=TIMEOUT,
    )
    verifier = generate_token(48)
    url, state = session.create_authorization_url(f"{ISSUER}/authorize", code_verifier=verifier, **parameters)
    return session, Browser().returned(url, REDIRECT_URI), state, verifier


def authlib_exchange(session, returned, state, verifier):
    return session.fetch_token(authorization_response=returned, state=state, code_verifier=verifier)


def requests_oauthlib_request(save=None):
    """Returns a session and the redirect."""
    session = OAuth2Session(
        CLIENT,
        scope=["openid", "profile"],
        redirect_uri=REDIRECT_URI,
        pkce="S256",
        auto_refresh_url=f"{ISSUER}/token",
        auto_refresh_kwargs={"client_id": CLIENT},
        token_updater=save,
    )
    url, _ = session.authorization_url(f"{ISSUER}/authorize")
    return session, Browser().returned(url, REDIRECT_URI)


def requests_oauthlib_exchange(session, returned):
    return session.fetch_token(
        f"{ISSUER}/token", authorization_response=returned, include_client_id=True, timeout=TIMEOUT
    )


def id_token(token):
    """The claims of the ID token, verified."""
    key = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", timeout=TIMEOUT).get_signing_key_from_jwt(token["id_token"])
    return jwt.decode(token["id_token"], key.key, algorithms=["RS256"], audience=CLIENT, issuer=ISSUER)


def invalid_grant(call, *arguments):
    equal(raises(OAuthError, call, *arguments).error, "invalid_grant")


if __name__ == "__main__":
    sys.exit(main())
