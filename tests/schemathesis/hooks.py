"""Who asks, and about whom.

The operations of the account are asked by a person, those of the administration by a service account, so that nothing
that a case does to a user or a client can take the right to ask from whoever asks. What stands in a path is, every other
time, the id of something that is there and may be changed or deleted; else nearly every case would end at 404.
"""

import os

import requests
import schemathesis

ISSUER = os.environ["CHECK_ISSUER"]
SECRET = os.environ["CHECK_SECRET"]
PASSWORD = os.environ["CHECK_PASSWORD"]
ANONYMOUS = os.environ.get("CHECK_ANONYMOUS") == "1"

PERSON = ("probe", PASSWORD)
OPERATOR = "probe-operator"


def token(**form):
    answer = requests.post(f"{ISSUER}/token", data=form, timeout=30)
    answer.raise_for_status()
    return answer.json()["access_token"]


def person_token():
    return token(grant_type="password", username=PERSON[0], password=PERSON[1], scope="account")


def operator_token():
    return token(grant_type="client_credentials", client_id=OPERATOR, client_secret=SECRET)


class Bearer:
    """A token that is kept until something may have ended it."""

    def __init__(self, fetch):
        self.fetch = fetch
        self.kept = None

    def get(self, case=None, context=None):
        self.kept = self.kept or self.fetch()
        return self.kept

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


person, operator = Bearer(person_token), Bearer(operator_token)

if not ANONYMOUS:

    @schemathesis.auth(refresh_interval=None).apply_to(path_regex="^/account")
    class AsPerson:
        def get(self, case, context):
            return person.get()

        def set(self, case, data, context):
            person.set(case, data, context)

    @schemathesis.auth(refresh_interval=None).apply_to(path_regex="^/(admin|introspect|revoked-sessions)")
    class AsOperator:
        def get(self, case, context):
            return operator.get()

        def set(self, case, data, context):
            operator.set(case, data, context)


def ask(method, path, **arguments):
    for _ in range(2):
        headers = {"Authorization": f"Bearer {operator.get()}"}
        answer = requests.request(method, ISSUER + path, headers=headers, timeout=30, **arguments)
        if answer.status_code != 401:
            break
        operator.kept = None
    answer.raise_for_status()
    return answer.json()


class Victims:
    """Things that are there for the cases to change and delete: one of each, made anew when it is gone."""

    def __init__(self):
        self.made = 0
        self.ids = {}

    def of(self, path):
        kind = path.split("/")[2] if path.startswith("/admin/") else "own-sessions"
        if kind not in self.ids:
            self.made += 1
            self.ids[kind] = getattr(self, kind.replace("-", "_"))(f"victim-{self.made}")
        return self.ids[kind]

    def users(self, name):
        return {"id": ask("POST", "/admin/users", json={"username": name, "password": PASSWORD})["id"]}

    def clients(self, name):
        ask("POST", "/admin/clients", json={"client_id": name, "confidential": True})
        secret = ask("POST", f"/admin/clients/{name}/secrets", json={})
        return {"id": name, "secret_id": secret["id"]}

    def sessions(self, name):
        person_token()
        sessions = ask("GET", "/admin/sessions", params={"limit": 1, "active": "true"})["sessions"]
        return {"id": sessions[0]["id"]}

    own_sessions = sessions

    def forget(self):
        self.ids.clear()


victims = Victims()
turns = {"path": 0}
# Those who ask, and the client by which a person signs in: ids that cases learn from lists, and may not use up.
spared = {"first-party", OPERATOR}


def is_spared(ids):
    if len(spared) == 2:
        spared.update(user["id"] for user in ask("GET", "/admin/users")["users"] if user["username"] in ("probe", "admin"))
    return any(str(own) in spared for own in ids.values())


@schemathesis.hook
def before_call(context, case, kwargs):
    if ANONYMOUS or not case.path_parameters or "{" not in case.operation.path:
        return
    turns["path"] += 1
    is_meant_to_be_wrong = case.meta is not None and case.meta.generation.mode.is_negative
    if not is_spared(case.path_parameters) and (is_meant_to_be_wrong or turns["path"] % 2):
        return
    for name, own in victims.of(case.operation.path).items():
        if name in case.path_parameters:
            case.path_parameters[name] = own


@schemathesis.hook
def after_call(context, case, response):
    """What ended tokens, or took a victim, is followed by new ones."""
    if response.status_code == 401:
        person.kept = operator.kept = None
    if ANONYMOUS or not 200 <= response.status_code < 300:
        return
    method, path = case.method.upper(), case.operation.path
    if method == "DELETE" or path in ("/account/password", "/revoke"):
        victims.forget()
    if path.startswith("/account") and method in ("DELETE", "PUT"):
        person.kept = None
    if path == "/admin/keys" and method == "POST":
        person.kept = operator.kept = None
