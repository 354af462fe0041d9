"""The requests that Grafana sends with the section [auth.generic_oauth] in CHECK_CONFIGURATION.

They follow Grafana's documentation of that section: the attributes come from the ID token, else from `/userinfo`, else
from the access token. The person is browser.py.
"""

import configparser
import os
import sys
from urllib.parse import parse_qs, urlencode, urlsplit

import jmespath
import requests
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge

import checks
from browser import Browser
from checks import check, claims, equal, true

ISSUER = os.environ["CHECK_ISSUER"]
REDIRECT_URI = "https://grafana.example.com/login/generic_oauth"
SIGN_IN_PAGE = "https://grafana.example.com/login"
TIMEOUT = 15

parser = configparser.ConfigParser(interpolation=None)
parser.read(os.environ["CHECK_CONFIGURATION"])
configuration = parser["auth.generic_oauth"]


def main():
    check("the URLs are those of the metadata", urls_are_those_of_metadata)
    check("signs in; the username stands in for the email address", signs_in)
    check("the role comes from the access token", role_comes_from_access_token)
    check("the access token alone has all attributes", access_token_is_enough)
    check("a user without these roles has none", user_has_no_role)
    check("refreshes", refreshes)
    check("signs out with the ID token and returns", signs_out)
    check("signs out without the ID token, after a question, and returns", signs_out_without_id_token)
    return checks.status()


def urls_are_those_of_metadata():
    metadata = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=TIMEOUT).json()
    for option, member in {"auth_url": "authorization", "token_url": "token", "api_url": "userinfo"}.items():
        equal(configuration[option], metadata[f"{member}_endpoint"])
    equal(configuration["signout_redirect_url"].split("?")[0], metadata["end_session_endpoint"])


def signs_in():
    sources = attributes(sign_in(Browser()))
    for option in ("login", "name", "email"):
        equal(first(f"{option}_attribute_path", sources), "admin")


def role_comes_from_access_token():
    sources = attributes(sign_in(Browser(), "editor"))
    equal(first("role_attribute_path", sources[:2]), None)
    equal(first("role_attribute_path", sources), "Editor")
    equal(first("role_attribute_path", [{"roles": ["editors", "admins"]}]), "Admin")


def access_token_is_enough():
    token = sign_in(Browser(), "editor")
    sources = [attributes(token)[2], attributes(token)[1]]
    equal(first("role_attribute_path", sources), "Editor")
    equal(first("login_attribute_path", sources), "editor")


def user_has_no_role():
    true(first("role_attribute_path", attributes(sign_in(Browser()))) in (None, False), "a role")


def refreshes():
    token = sign_in(Browser())
    refreshed = exchange({"grant_type": "refresh_token", "refresh_token": token["refresh_token"]})
    equal(attributes(refreshed)[1]["preferred_username"], "admin")


def signs_out():
    browser = Browser()
    token = sign_in(browser)
    url = f"{configuration['signout_redirect_url']}&{urlencode({'id_token_hint': token['id_token']})}"
    equal(browser.send(url, None, {})[1], SIGN_IN_PAGE)
    ended(browser, token)


def signs_out_without_id_token():
    browser = Browser()
    token = sign_in(browser)
    url = configuration["signout_redirect_url"]
    true(browser.send(url, None, {})[1] is None, "no question")
    equal(browser.open(url, SIGN_IN_PAGE)[0], SIGN_IN_PAGE)
    ended(browser, token)


def sign_in(browser, username="admin"):
    """Returns the token response."""
    os.environ["CHECK_USERNAME"] = username
    url, state, verifier = authorization_request()
    query = parse_qs(urlsplit(browser.returned(url, REDIRECT_URI)).query)
    equal(query["state"], [state])
    grant = {"grant_type": "authorization_code", "code": query["code"][0]}
    return exchange(grant | {"redirect_uri": REDIRECT_URI, "code_verifier": verifier})


def authorization_request():
    """Returns a URL, its state and the verifier."""
    state, verifier = generate_token(44), generate_token(128)
    parameters = {
        "client_id": configuration["client_id"],
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": configuration["scopes"],
        "state": state,
    }
    return f"{configuration['auth_url']}?{urlencode(parameters)}", state, verifier


def exchange(form):
    credentials = (configuration["client_id"], configuration["client_secret"])
    answer = requests.post(configuration["token_url"], data=form, auth=credentials, timeout=TIMEOUT)
    equal(answer.status_code, 200)
    return answer.json()


def attributes(token):
    """What Grafana searches, in this order."""
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    user = requests.get(configuration["api_url"], headers=bearer, timeout=TIMEOUT).json()
    return [claims(token["id_token"]), user, claims(token["access_token"])]


def first(option, sources):
    found = (jmespath.search(configuration[option], source) for source in sources)
    return next((value for value in found if value), None)


def ended(browser, token):
    page = browser.send(authorization_request()[0], None, {})[2]
    true('type="password"' in page, "still signed in")
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    credentials = (configuration["client_id"], configuration["client_secret"])
    answer = requests.post(configuration["token_url"], data=form, auth=credentials, timeout=TIMEOUT)
    equal(answer.json()["error"], "invalid_grant")


if __name__ == "__main__":
    sys.exit(main())
