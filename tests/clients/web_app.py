"""Checks of a web app that signs its users in at the server at CHECK_ISSUER.

    web_app.py URL CLIENT_ID

The app has `/`, which shows the response of `/userinfo`, or a link to `/sign-in`; `/callback`; and `/sign-out`. The
client's access tokens live for 3 seconds. The person is browser.py.
"""

import json
import os
import sys
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

import checks
from browser import Browser
from checks import check, equal, true

ISSUER = os.environ["CHECK_ISSUER"]
USERNAME = os.environ["CHECK_USERNAME"]
PASSWORD = os.environ["CHECK_PASSWORD"]
APP, CLIENT_ID = sys.argv[1:]
SIGN_IN, CALLBACK, SIGN_OUT = (f"{APP}/{path}" for path in ("sign-in", "callback", "sign-out"))
TIMEOUT = 15


def main():
    check("signs in with the documented configuration", signs_in)
    check("sends S256, a state and a nonce, and the server sends iss", request_is_protected)
    check("refreshes and stays signed in", refreshes)
    check("another state is refused", changed_callback_is_refused, {"state": "other"})
    check("no state is refused", changed_callback_is_refused, {"state": None})
    check("another iss is refused", changed_callback_is_refused, {"iss": "https://issuer.example"})
    check("another code is refused", changed_callback_is_refused, {"code": "jac_other"})
    check("another nonce is refused", changed_request_is_refused, {"nonce": "other"})
    check("another code challenge is refused", changed_request_is_refused, {"code_challenge": "A" * 43})
    check("an error is shown", changed_request_is_refused, {"prompt": "none"}, "login_required")
    check("another redirect URI gets an error page of the server", other_redirect_uri_is_refused)
    check("the redirect in another browser is refused", other_browser_is_refused)
    check("the same redirect again is refused", second_callback_is_refused)
    check("a redirect without a state leaves the user signed in", redirect_without_state_changes_nothing)
    check("signs out of the app and the server", signs_out)
    check("is signed out when its session is revoked", revoked_session_signs_out)
    return checks.status()


def signs_in():
    sign_in(Browser())


def request_is_protected():
    browser = Browser()
    request = parameters(authorization_url(browser))
    equal(request["code_challenge_method"], "S256")
    true(len(request["state"]) >= 8 and len(request["nonce"]) >= 8, "short state or nonce")
    returned = parameters(browser.open(SIGN_IN, CALLBACK)[0])
    equal((returned["iss"], set(returned)), (ISSUER, {"code", "state", "iss"}))


def refreshes():
    browser = Browser()
    sign_in(browser)
    session = newest_session()
    for _ in range(2):
        time.sleep(3.2)
        shows_user(browser.open(APP + "/"))
    equal(newest_session()["id"], session["id"])


def changed_callback_is_refused(change):
    browser = Browser()
    refused(browser, browser.open(changed(browser.open(SIGN_IN, CALLBACK)[0], change)))


def changed_request_is_refused(change, error=""):
    browser = Browser()
    answer = browser.open(changed(authorization_url(browser), change))
    refused(browser, answer)
    true(error in answer[2], f"no {error} in {answer[2]}")


def other_redirect_uri_is_refused():
    browser = Browser()
    answer = browser.open(changed(authorization_url(browser), {"redirect_uri": CALLBACK + "/other"}))
    equal((answer[1], answer[0].startswith(ISSUER)), (400, True))


def other_browser_is_refused():
    other = Browser()
    refused(other, other.open(Browser().open(SIGN_IN, CALLBACK)[0]))


def second_callback_is_refused():
    browser = Browser()
    callback = browser.open(SIGN_IN, CALLBACK)[0]
    shows_user(browser.open(callback))
    equal(browser.open(callback)[1], 400)
    shows_user(browser.open(APP + "/"))


def redirect_without_state_changes_nothing():
    code = parameters(Browser().open(SIGN_IN, CALLBACK)[0])["code"]
    browser = Browser()
    sign_in(browser)
    for state in ({}, {"state": ""}):
        equal(browser.open(f"{CALLBACK}?{urlencode({'code': code, 'iss': ISSUER} | state)}")[1], 400)
    shows_user(browser.open(APP + "/"))


def signs_out():
    browser = Browser()
    sign_in(browser)
    session = newest_session()
    true(not asks_for_password(browser), "the server asks for the password although signed in")
    url, status, page = browser.open(SIGN_OUT)
    equal((url.split("?")[0], status), (APP + "/", 200))
    true("/sign-in" in page, f"no link to sign in on {page}")
    true(asks_for_password(browser), "the server asks for no password after signing out")
    true(session["id"] not in {one["id"] for one in sessions()}, "the session has not ended")


def revoked_session_signs_out():
    browser = Browser()
    sign_in(browser)
    session = newest_session()
    answer = requests.delete(f"{ISSUER}/account/sessions/{session['id']}", headers=bearer(), timeout=TIMEOUT)
    equal(answer.status_code // 100, 2)
    refused(browser, browser.open(APP + "/"))
    sign_in(browser)


def sign_in(browser):
    answer = browser.open(SIGN_IN)
    equal(answer[0], APP + "/")
    shows_user(answer)


def shows_user(answer):
    _, status, page = answer
    equal(status, 200)
    equal(json.loads(page)["preferred_username"], USERNAME)


def refused(browser, answer):
    """The app responds with 400 and a link, and no user is signed in."""
    equal((answer[0].startswith(APP + "/"), answer[1]), (True, 400))
    true(USERNAME not in browser.open(APP + "/")[2], "signed in")


def asks_for_password(browser):
    return 'type="password"' in browser.send(authorization_url(browser), None, {})[2]


def authorization_url(browser):
    return browser.open(SIGN_IN, f"{ISSUER}/authorize")[0]


def parameters(url):
    return dict(parse_qsl(urlsplit(url).query))


def changed(url, change):
    query = {name: value for name, value in (parameters(url) | change).items() if value is not None}
    return f"{url.split('?')[0]}?{urlencode(query)}"


def newest_session():
    return max(sessions(), key=lambda session: session["id"])


def sessions():
    """The user's sessions at the app."""
    answer = requests.get(f"{ISSUER}/account/sessions?limit=200", headers=bearer(), timeout=TIMEOUT)
    return [session for session in answer.json()["sessions"] if session["client_id"] == CLIENT_ID]


def bearer():
    form = {"grant_type": "password", "client_id": os.environ["CHECK_PUBLIC_CLIENT"]}
    form |= {"username": USERNAME, "password": PASSWORD}
    token = requests.post(f"{ISSUER}/token", data=form, timeout=TIMEOUT).json()
    return {"Authorization": f"Bearer {token['access_token']}"}


if __name__ == "__main__":
    sys.exit(main())
