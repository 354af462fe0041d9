"""Authlib (requests) as an OAuth 2 client and PyJWT as a verifier, against the server at CHECK_ISSUER."""

import os
import sys

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError

import checks
from checks import check, equal, raises, true

ISSUER = os.environ["CHECK_ISSUER"]
USERNAME = os.environ["CHECK_USERNAME"]
PASSWORD = os.environ["CHECK_PASSWORD"]
PUBLIC_CLIENT = os.environ["CHECK_PUBLIC_CLIENT"]
CLIENT_ID = os.environ["CHECK_CLIENT_ID"]
CLIENT_SECRET = os.environ["CHECK_CLIENT_SECRET"]
TIMEOUT = 15
REQUIRED_CLAIMS = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]


def main():
    check("metadata: both documents have the issuer", metadata_names_the_issuer)
    metadata = document("oauth-authorization-server")

    def public():
        return session(metadata, PUBLIC_CLIENT, None, "none")

    methods = {
        "none": public,
        "client_secret_basic": lambda: session(metadata, CLIENT_ID, CLIENT_SECRET, "client_secret_basic"),
        "client_secret_post": lambda: session(metadata, CLIENT_ID, CLIENT_SECRET, "client_secret_post"),
    }
    for method, client in methods.items():
        check(f"authlib, {method}: the password grant signs in", sign_in_works, client())
        check(f"authlib, {method}: a token is accepted by /account", account_accepts_token, client())
        check(f"authlib, {method}: two refreshes, each with a new token", refreshes_rotate, client())
    check("authlib: a refresh repeated within seconds gets the same response", repeated_refresh_gets_same_response, public())
    check("authlib: a replay of a token two generations old revokes the session", replay_revokes_session, public())
    check("authlib: another client cannot use a refresh token", another_client_is_refused, methods)
    check("authlib: a wrong password is invalid_grant", a_wrong_password_is_invalid_grant, public())
    check("authlib: a wrong secret is invalid_client", a_wrong_secret_is_invalid_client, metadata)
    check("authlib: an unknown grant is unsupported_grant_type", an_unknown_grant_is_unsupported, public())

    check("pyjwt: the key is found by kid, the token verifies", the_token_verifies, public(), metadata)
    check("pyjwt: a refreshed token verifies", a_refreshed_token_verifies, public(), metadata)
    check("pyjwt: another audience, another issuer are refused", other_names_are_refused, public(), metadata)
    check("pyjwt: a changed token is refused", a_changed_token_is_refused, public(), metadata)
    return checks.status()


def metadata_names_the_issuer():
    for name in ("oauth-authorization-server", "openid-configuration"):
        found = document(name)
        equal(found["issuer"], ISSUER)
        for endpoint in ("token_endpoint", "jwks_uri"):
            true(found[endpoint].startswith(ISSUER + "/"), f"{endpoint} is {found[endpoint]}")
        for grant in ("password", "refresh_token"):
            true(grant in found["grant_types_supported"], f"{grant} is not among the grants")


def sign_in_works(client):
    token = sign_in(client)
    equal(token["token_type"], "Bearer")
    true(isinstance(token["expires_in"], int) and token["expires_in"] > 0, "expires_in is no positive integer")
    equal(token["access_token"].count("."), 2)
    true(token["refresh_token"].startswith("jrt_"), "the refresh token does not start with jrt_")
    true(isinstance(token["scope"], str), "no scope in the response")


def account_accepts_token(client):
    sign_in(client)
    account = client.get(f"{ISSUER}/account", timeout=TIMEOUT)
    equal(account.status_code, 200)
    true(USERNAME in account.json().values(), "the account has no username")

    anonymous = requests.get(f"{ISSUER}/account", timeout=TIMEOUT)
    equal(anonymous.status_code, 401)
    true(anonymous.headers["WWW-Authenticate"].startswith("Bearer"), "no Bearer challenge")


def refreshes_rotate(client):
    tokens = [sign_in(client), dict(refresh(client)), dict(refresh(client))]
    equal(len({token["refresh_token"] for token in tokens}), 3)
    equal(len({token["access_token"] for token in tokens}), 3)
    equal(client.get(f"{ISSUER}/account", timeout=TIMEOUT).status_code, 200)


def repeated_refresh_gets_same_response(client):
    first = sign_in(client)
    once = dict(refresh(client, first["refresh_token"]))
    again = dict(refresh(client, first["refresh_token"]))
    equal(again["refresh_token"], once["refresh_token"])
    equal(again["access_token"], once["access_token"])
    true(again["expires_in"] <= once["expires_in"], "expires_in grew")
    true(refresh(client)["refresh_token"] != once["refresh_token"], "the session did not continue")


def replay_revokes_session(client):
    first = sign_in(client)
    refresh(client)
    last = dict(refresh(client))
    refused("invalid_grant", refresh, client, first["refresh_token"])
    refused("invalid_grant", refresh, client, last["refresh_token"])


def another_client_is_refused(methods):
    owner, other = methods["none"](), methods["client_secret_basic"]()
    token = sign_in(owner)
    refused("invalid_grant", refresh, other, token["refresh_token"])
    true(refresh(owner)["refresh_token"] != token["refresh_token"], "the owner's session did not continue")


def a_wrong_password_is_invalid_grant(client):
    refused("invalid_grant", sign_in, client, password="not the password")
    sign_in(client)


def a_wrong_secret_is_invalid_client(metadata):
    for method in ("client_secret_basic", "client_secret_post"):
        refused("invalid_client", sign_in, session(metadata, CLIENT_ID, "not-the-secret", method))


def an_unknown_grant_is_unsupported(client):
    refused("unsupported_grant_type", client.fetch_token, grant_type="urn:example:unknown", timeout=TIMEOUT)


def the_token_verifies(client, metadata):
    token = sign_in(client)["access_token"]
    header = jwt.get_unverified_header(token)
    equal((header["typ"], header["alg"]), ("at+jwt", "RS256"))
    claims = verify(token, metadata)
    equal(claims["client_id"], PUBLIC_CLIENT)


def a_refreshed_token_verifies(client, metadata):
    before = verify(sign_in(client)["access_token"], metadata)
    after = verify(refresh(client)["access_token"], metadata)
    equal(after["sub"], before["sub"])
    equal(after.get("sid"), before.get("sid"))
    true(after["jti"] != before["jti"], "the jti was reused")


def other_names_are_refused(client, metadata):
    token = sign_in(client)["access_token"]
    raises(jwt.InvalidAudienceError, verify, token, metadata, audience="https://api.example")
    raises(jwt.InvalidIssuerError, verify, token, metadata, issuer="https://issuer.example")


def a_changed_token_is_refused(client, metadata):
    header, claims, signature = sign_in(client)["access_token"].split(".")
    changed = ("A" if signature[0] != "A" else "B") + signature[1:]
    raises(jwt.InvalidSignatureError, verify, f"{header}.{claims}.{changed}", metadata)


def verify(token, metadata, audience=ISSUER, issuer=ISSUER):
    key = jwt.PyJWKClient(metadata["jwks_uri"], timeout=TIMEOUT).get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key.key,
        algorithms=["RS256"],
        audience=audience,
        issuer=issuer,
        options={"require": REQUIRED_CLAIMS},
    )


def document(name):
    answer = requests.get(f"{ISSUER}/.well-known/{name}", timeout=TIMEOUT)
    answer.raise_for_status()
    return answer.json()


def session(metadata, client_id, secret, method):
    return OAuth2Session(
        client_id=client_id,
        client_secret=secret,
        token_endpoint_auth_method=method,
        token_endpoint=metadata["token_endpoint"],
        default_timeout=TIMEOUT,
    )


def sign_in(client, password=PASSWORD):
    return dict(client.fetch_token(grant_type="password", username=USERNAME, password=password))


def refresh(client, refresh_token=None):
    return client.refresh_token(refresh_token=refresh_token)


def refused(code, call, *arguments, **named):
    error = raises(OAuthError, call, *arguments, **named)
    equal(error.error, code)


if __name__ == "__main__":
    sys.exit(main())
