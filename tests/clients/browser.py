#!/usr/bin/env python3
"""A browser without scripts: follows redirects, keeps cookies, and fills in Jeton's pages.

    browser.py URL [--until PREFIX] [--cookies FILE] [--press VALUE] [--submit]

Opens the URL. Signs in as CHECK_USERNAME with CHECK_PASSWORD on the sign-in page; presses the first button of all other
pages of Jeton: "Continue", "Allow", "Sign out". Stops at a redirect to a URL that starts with PREFIX, and prints that
URL without opening it. Without CHECK_PASSWORD, stops at the sign-in page. Otherwise prints the URL of the last page,
and the page.
--cookies keeps the cookies in a file, so that the next run is the same browser.
--press presses the button with this value, such as "cancel", on every page of Jeton that has it.
--submit submits the first form of the URL's page, although the page is not Jeton's.
"""

import argparse
import os
import sys
from html.parser import HTMLParser
from http import cookiejar
from urllib import error, parse, request

TIMEOUT = 30
MOST_STEPS = 30


class Form(HTMLParser):
    """The first form of a page: its action, its hidden fields and its buttons."""

    def __init__(self, page):
        super().__init__()
        self.action = None
        self.method = "get"
        self.fields = {}
        self.names = set()
        self.buttons = []
        self.closed = False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        name = attributes.get("name")
        if self.closed:
            return
        if tag == "form":
            self.action = attributes.get("action") or ""
            self.method = attributes.get("method", "get").lower()
        elif tag == "input" and self.action is not None:
            self.names.add(name)
            if attributes.get("type") == "hidden":
                self.fields[name] = attributes.get("value", "")
        elif tag == "button" and self.action is not None and name:
            self.buttons.append((name, attributes.get("value", "")))

    def has_button(self, value):
        """Whether a button has this value."""
        return any(button[1] == value for button in self.buttons)

    def button(self, value):
        """The button with this value, else the first one. Returns a name and a value, or None."""
        return next((button for button in self.buttons if button[1] == value), next(iter(self.buttons), None))

    def handle_endtag(self, tag):
        self.closed |= tag == "form"


class NoRedirects(request.HTTPRedirectHandler):
    """Returns redirects to the caller."""

    def redirect_request(self, *_):
        return None


class Browser:
    """A browser with its cookies. Sends `Secure` cookies to http://localhost, too, as browsers do."""

    def __init__(self, cookies=None, press=None):
        self.press = press
        policy = cookiejar.DefaultCookiePolicy(secure_protocols=("http", "https"))
        self.cookies = cookiejar.LWPCookieJar(cookies, policy=policy)
        if cookies and os.path.exists(cookies):
            self.cookies.load(ignore_discard=True)
        self.opener = request.build_opener(
            NoRedirects, request.HTTPCookieProcessor(self.cookies), request.ProxyHandler({})
        )
        self.opener.addheaders = [("User-Agent", "browser.py"), ("Accept", "text/html")]

    def open(self, url, until=None, submit=False):
        """Opens a URL. Returns the last URL, the status and the page; status 0 at a URL that starts with `until`."""
        body = headers = None
        for _ in range(MOST_STEPS):
            if until and url.startswith(until):
                return url, 0, ""
            status, location, page = self.send(url, body, headers or {})
            body = headers = None
            if location:
                url = parse.urljoin(url, location)
                continue
            form = Form(page)
            if status >= 400 or not (self.fills(form) or submit):
                return url, status, page
            submit = False
            body = parse.urlencode(self.fill(form)).encode()
            headers = {"Origin": "{0.scheme}://{0.netloc}".format(parse.urlsplit(url))}
            url = parse.urljoin(url, form.action)
        raise SystemExit(f"more than {MOST_STEPS} steps, the last to {url}")

    def fills(self, form):
        """Whether the form is one of Jeton's that can be filled in."""
        needs_password = "password" in form.names and not form.has_button(self.press)
        return "form_token" in form.fields and not (needs_password and "CHECK_PASSWORD" not in os.environ)

    def fill(self, form):
        """The fields that the form sends, signed in by the environment's user."""
        fields = dict(form.fields)
        if "password" in form.names and not form.has_button(self.press):
            fields |= {"username": os.environ["CHECK_USERNAME"], "password": os.environ["CHECK_PASSWORD"]}
        if button := form.button(self.press):
            fields[button[0]] = button[1]
        return fields

    def returned(self, url, redirect_uri):
        """Opens an authorization URL. Returns the redirect to the client."""
        last, status, page = self.open(url, redirect_uri)
        if status:
            raise AssertionError(f"no redirect, but {status} at {last}: {page}")
        return last

    def send(self, url, body, headers):
        """Sends one request. Returns the status, the redirect's location and the body."""
        try:
            with self.opener.open(request.Request(url, body, headers), timeout=TIMEOUT) as response:
                return response.status, None, response.read().decode()
        except error.HTTPError as response:
            location = response.headers.get("Location") if response.code in (301, 302, 303, 307, 308) else None
            return response.code, location, response.read().decode(errors="replace")

    def save(self):
        """Writes the cookies to the file."""
        if self.cookies.filename:
            self.cookies.save(ignore_discard=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--until", metavar="PREFIX")
    parser.add_argument("--cookies", metavar="FILE")
    parser.add_argument("--press", metavar="VALUE")
    parser.add_argument("--submit", action="store_true")
    arguments = parser.parse_args()
    browser = Browser(arguments.cookies, arguments.press)
    url, status, page = browser.open(arguments.url, arguments.until, arguments.submit)
    browser.save()
    print(url)
    if page:
        print(page)
    sys.exit(1 if status >= 400 else 0)


if __name__ == "__main__":
    main()
