"""Checks the SDK of openapi-python-client against the servers at SDK_ISSUER and SDK_API."""

# README
from jeton_client import AuthenticatedClient, Client
from jeton_client.api.account import fetch_account
from jeton_client.api.token import request_token
from jeton_client.models import Account, ErrorResponse, TokenAnswer, TokenRequest

# end
import os
import uuid

from jeton_client.api.account import change_account_password, list_account_sessions
from jeton_client.api.admin import create_client, create_user, fetch_user
from jeton_client.api.token import revoke_token
from jeton_client.models import (
    AccountPasswordChanged,
    AccountSessions,
    ClientCreation,
    PasswordChange,
    Problem,
    RegisteredClient,
    Revocation,
    RevocationRequest,
    User,
    UserCreation,
)
from jeton_client.types import Unset
from my_info_client import AuthenticatedClient as InfoClient
from my_info_client.api.info import fetch_my_info
from my_info_client.models import MyInfo

ISSUER = os.environ["SDK_ISSUER"]
USERNAME = os.environ["SDK_USERNAME"]
PASSWORD = os.environ["SDK_PASSWORD"]


def main() -> None:
    issuer, username, password = ISSUER, USERNAME, PASSWORD
    # README

    server = Client(base_url=issuer)
    sign_in = TokenRequest("password", client_id="first-party", username=username, password=password)
    token = request_token.sync(client=server, body=sign_in)
    if not isinstance(token, TokenAnswer):
        raise SystemExit(f"Not signed in: {token}")
    # end
    assert token.token_type == "Bearer" and token.expires_in > 0
    assert isinstance(token.refresh_token, str) and token.refresh_token.startswith("jrt_")
    passed("sign-in")

    # README

    account = fetch_account.sync(client=AuthenticatedClient(base_url=issuer, token=token.access_token))
    assert isinstance(account, Account), account
    print("Signed in as", account.username)
    # end
    assert account.username == username
    passed("account")

    # A token for this API. Jeton's own API accepts no token for another one beside it.
    sign_in = TokenRequest("password", client_id="my-info", username=username, password=password)
    its_token = request_token.sync(client=server, body=sign_in)
    assert isinstance(its_token, TokenAnswer), its_token
    info = fetch_my_info.sync(client=InfoClient(base_url=os.environ["SDK_API"], token=its_token.access_token))
    assert isinstance(info, MyInfo) and info.sub == str(account.sub)
    passed("my-info")

    old = token
    # README

    refresh = TokenRequest("refresh_token", client_id="first-party", refresh_token=token.refresh_token)
    token = request_token.sync(client=server, body=refresh)
    assert isinstance(token, TokenAnswer), token
    # end
    assert isinstance(token.refresh_token, str) and token.refresh_token != old.refresh_token
    signed_in = AuthenticatedClient(base_url=issuer, token=token.access_token)
    assert fetch_account.sync(client=signed_in) == account
    passed("refresh")

    # README

    wrong = TokenRequest("password", client_id="first-party", username=username, password="a wrong password")
    refused = request_token.sync_detailed(client=server, body=wrong)
    if isinstance(refused.parsed, ErrorResponse):
        print(refused.status_code, refused.parsed.error, refused.parsed.error_description)
        # end
        assert refused.status_code == 400 and refused.parsed.error == "invalid_grant"
        passed("error")

    sessions = list_account_sessions.sync(client=signed_in)
    assert isinstance(sessions, AccountSessions)
    assert [session.client_id for session in sessions.sessions if session.current] == ["first-party"]
    passed("sessions")

    sign_out = RevocationRequest(token.refresh_token, client_id="first-party")
    assert isinstance(revoke_token.sync(client=server, body=sign_out), Revocation)
    refresh.refresh_token = token.refresh_token
    ended = request_token.sync(client=server, body=refresh)
    assert isinstance(ended, ErrorResponse) and ended.error == "invalid_grant"
    passed("sign-out")

    operator = request_token.sync(
        client=server, body=TokenRequest("password", scope="admin", username=username, password=password)
    )
    assert isinstance(operator, TokenAnswer)
    admin = AuthenticatedClient(base_url=issuer, token=operator.access_token)
    phrase = unique("passphrase")
    new_user = UserCreation(username=unique("user"), password=phrase, roles=["reader"])
    user = create_user.sync(client=admin, body=new_user)
    assert isinstance(user, User)
    found = fetch_user.sync(user.id, client=admin)
    assert isinstance(found, User) and found.roles == ["reader"]
    user_sign_in = TokenRequest("password", username=user.username, password=phrase)
    theirs = request_token.sync(client=server, body=user_sign_in)
    assert isinstance(theirs, TokenAnswer)
    twice = create_user.sync(client=admin, body=new_user)
    assert isinstance(twice, Problem) and twice.status == 409
    passed("user")

    change = PasswordChange(phrase, unique("passphrase"))
    their_client = AuthenticatedClient(base_url=issuer, token=theirs.access_token)
    changed = change_account_password.sync(client=their_client, body=change)
    assert isinstance(changed, AccountPasswordChanged), changed
    account = fetch_account.sync(client=AuthenticatedClient(base_url=issuer, token=changed.access_token))
    assert isinstance(account, Account) and account.username == user.username
    replaced = TokenRequest("refresh_token", refresh_token=theirs.refresh_token)
    ended = request_token.sync(client=server, body=replaced)
    assert isinstance(ended, ErrorResponse) and ended.error == "invalid_grant"
    renewal = TokenRequest("refresh_token", refresh_token=changed.refresh_token)
    renewed = request_token.sync(client=server, body=renewal)
    assert isinstance(renewed, TokenAnswer) and renewed.refresh_token != changed.refresh_token
    passed("password")

    client_id = unique("client")
    new_client = ClientCreation(
        client_id,
        token_endpoint_auth_method="client_secret_basic",
        grant_types=["client_credentials"],
        access_token_type="JWT",
    )
    client = create_client.sync(client=admin, body=new_client)
    assert isinstance(client, RegisteredClient) and client.access_token_type == "JWT"
    own = TokenRequest("client_credentials", client_id=client_id, client_secret=client.client_secret)
    service = request_token.sync(client=server, body=own)
    assert isinstance(service, TokenAnswer) and isinstance(service.refresh_token, Unset)
    passed("client")


def unique(word: str) -> str:
    """A unique name."""
    return f"{word}-{uuid.uuid4().hex[:12]}"


def passed(step: str) -> None:
    print(f"ok {step}", flush=True)


if __name__ == "__main__":
    main()
