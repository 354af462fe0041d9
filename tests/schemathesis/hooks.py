"""Access tokens and path parameters for schemathesis.

Operations of the account and /userinfo use a user's token, admin operations the token of a service account, so that a
case that changes a user or a client does not revoke the permission of the caller. In every other request the ids in the
path are those of an existing resource that the case may change or delete; otherwise nearly every case would end with
404.
"""

import os

import requests
import schemathesis

ISSUER = os.environ["CHECK_ISSUER"]
SECRET = os.environ["CHECK_SECRET"]
PASSWORD = os.environ["CHECK_PASSWORD"]
ANONYMOUS = os.environ.get("CHECK_ANONYMOUS") == "1"

USER = ("probe", PASSWORD)
OPERATOR = "probe-operator"


def token(**form):
    answer = requests.post(f"{ISSUER}/token", data=form, timeout=30)
    answer.raise_for_status()
    return answer.json()["access_token"]


def user_token():
    return token(grant_type="password", username=USER[0], password=USER[1], scope="account openid profile email")


def operator_token():
    return token(grant_type="client_credentials", client_id=OPERATOR, client_secret=SECRET)


class Bearer:
    """An access token, cached until it may have been revoked."""

    def __init__(self, fetch):
        self.fetch = fetch
        self.token = None

    def get(self, case=None, context=None):
        self.token = self.token or self.fetch()
        return self.token

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


user, operator = Bearer(user_token), Bearer(operator_token)

if not ANONYMOUS:

    @schemathesis.auth(refresh_interval=None).apply_to(path_regex="^/(account|userinfo)")
    class AsUser:
        def get(self, case, context):
            return user.get()

        def set(self, case, data, context):
            user.set(case, data, context)

    @schemathesis.auth(refresh_interval=None).apply_to(path_regex="^/(admin|introspect|revoked-sessions)")
    class AsOperator:
        def get(self, case, context):
            return operator.get()

        def set(self, case, data, context):
            operator.set(case, data, context)


def request(method, path, **arguments):
    for _ in range(2):
        headers = {"Authorization": f"Bearer {operator.get()}"}
        answer = requests.request(method, ISSUER + path, headers=headers, timeout=30, **arguments)
        if answer.status_code != 401:
            break
        operator.token = None
    answer.raise_for_status()
    return answer.json()


class Targets:
    """Resources that cases may change and delete: one per kind, replaced after a deletion."""

    def __init__(self):
        self.created = 0
        self.ids = {}

    def of(self, path):
        kind = path.split("/")[2] if path.startswith("/admin/") else "own-sessions"
        if kind not in self.ids:
            self.created += 1
            self.ids[kind] = getattr(self, kind.replace("-", "_"))(f"target-{self.created}")
        return self.ids[kind]

    def users(self, name):
        return {"id": request("POST", "/admin/users", json={"username": name, "password": PASSWORD})["id"]}

    def clients(self, name):
        request("POST", "/admin/clients", json={"client_id": name, "token_endpoint_auth_method": "client_secret_basic"})
        secret = request("POST", f"/admin/clients/{name}/secrets", json={})
        return {"id": name, "secret_id": secret["id"]}

    def sessions(self, name):
        user_token()
        sessions = request("GET", "/admin/sessions", params={"limit": 1, "active": "true"})["sessions"]
        return {"id": sessions[0]["id"]}

    own_sessions = sessions

    def forget(self):
        self.ids.clear()


targets = Targets()
counts = {"path": 0}
# Ids of the callers and of the client for sign-ins. Cases find them in lists and must not change them.
protected = {"first-party", OPERATOR}


def is_protected(ids):
    if len(protected) == 2:
        protected.update(user["id"] for user in request("GET", "/admin/users")["users"] if user["username"] in ("probe", "admin"))
    return any(str(own) in protected for own in ids.values())


@schemathesis.hook
def before_call(context, case, kwargs):
    if ANONYMOUS or not case.path_parameters or "{" not in case.operation.path:
        return
    counts["path"] += 1
    is_invalid_by_design = case.meta is not None and case.meta.generation.mode.is_negative
    if not is_protected(case.path_parameters) and (is_invalid_by_design or counts["path"] % 2):
        return
    for name, own in targets.of(case.operation.path).items():
        if name in case.path_parameters:
            case.path_parameters[name] = own


@schemathesis.hook
def after_call(context, case, response):
    """Replaces tokens and targets after a request that may have revoked or deleted them."""
    if response.status_code == 401:
        user.token = operator.token = None
    if ANONYMOUS or not 200 <= response.status_code < 300:
        return
    method, path = case.method.upper(), case.operation.path
    if method == "DELETE" or path in ("/account/password", "/revoke"):
        targets.forget()
    if path.startswith("/account") and method in ("DELETE", "PUT"):
        user.token = None
    if path == "/admin/keys" and method == "POST":
        user.token = operator.token = None
