"""Checks the SDK of openapi-generator (python) against the servers at SDK_ISSUER and SDK_API."""

# README
from jeton_client import AccountApi, ApiClient, ApiException, Configuration, ErrorResponse, TokenApi

# end
import os
import uuid

from jeton_client import (
    AccessTokenType,
    AdminApi,
    ClientCreation,
    GrantType,
    PasswordChange,
    Problem,
    TokenEndpointAuthMethod,
    UserCreation,
)
from my_info_client import ApiClient as InfoApiClient
from my_info_client import Configuration as InfoConfiguration
from my_info_client import InfoApi

ISSUER = os.environ["SDK_ISSUER"]
USERNAME = os.environ["SDK_USERNAME"]
PASSWORD = os.environ["SDK_PASSWORD"]


def main() -> None:
    issuer, username, password = ISSUER, USERNAME, PASSWORD
    # README

    server = Configuration(host=issuer)
    tokens = TokenApi(ApiClient(server))
    token = tokens.request_token("password", client_id="first-party", username=username, password=password)
    # end
    assert token.token_type == "Bearer" and token.expires_in > 0
    assert token.refresh_token is not None and token.refresh_token.startswith("jrt_")
    passed("sign-in")

    # README

    server.access_token = token.access_token
    account = AccountApi(ApiClient(server)).fetch_account()
    print("Signed in as", account.username)
    # end
    assert account.username == username
    passed("account")

    # A token for this API. Jeton's own API accepts no token for another one beside it.
    its_token = tokens.request_token("password", client_id="my-info", username=username, password=password)
    api = InfoConfiguration(host=os.environ["SDK_API"], access_token=its_token.access_token)
    assert InfoApi(InfoApiClient(api)).fetch_my_info().sub == str(account.sub)
    passed("my-info")

    old = token
    # README

    token = tokens.request_token("refresh_token", client_id="first-party", refresh_token=token.refresh_token)
    server.access_token = token.access_token
    # end
    assert token.refresh_token != old.refresh_token
    assert AccountApi(ApiClient(server)).fetch_account() == account
    passed("refresh")

    server.access_token = f"{token.access_token}x"
    # README

    try:
        account = AccountApi(ApiClient(server)).fetch_account()
    except ApiException as refused:
        if refused.status != 401:  # Else the access token has expired.
            raise
        token = tokens.request_token("refresh_token", client_id="first-party", refresh_token=token.refresh_token)
        server.access_token = token.access_token
        account = AccountApi(ApiClient(server)).fetch_account()
    # end
    assert account.username == username and server.access_token == token.access_token

    # README

    try:
        tokens.request_token("password", client_id="first-party", username=username, password="a wrong password")
    except ApiException as refused:
        assert isinstance(refused.data, ErrorResponse)
        print(refused.status, refused.data.error, refused.data.error_description)
        # end
        assert refused.status == 400 and refused.data.error == "invalid_grant"
        passed("error")

    sessions = AccountApi(ApiClient(server)).list_account_sessions().sessions
    assert [session.client_id for session in sessions if session.current] == ["first-party"]
    passed("sessions")

    assert token.refresh_token is not None
    tokens.revoke_token(token.refresh_token, client_id="first-party")
    try:
        tokens.request_token("refresh_token", client_id="first-party", refresh_token=token.refresh_token)
    except ApiException as refused:
        assert isinstance(refused.data, ErrorResponse) and refused.data.error == "invalid_grant"
        passed("sign-out")

    operator = tokens.request_token("password", scope="admin", username=username, password=password)
    server.access_token = operator.access_token
    admin = AdminApi(ApiClient(server))
    phrase = unique("passphrase")
    new_user = UserCreation(username=unique("user"), password=phrase, roles=["reader"])
    user = admin.create_user(new_user)
    assert admin.fetch_user(user.id).roles == ["reader"]
    theirs = tokens.request_token("password", username=user.username, password=phrase)
    try:
        admin.create_user(new_user)
    except ApiException as refused:
        assert isinstance(refused.data, Problem) and refused.data.status == 409
        passed("user")

    change = PasswordChange(current_password=phrase, new_password=unique("passphrase"))
    changed = account_of(theirs.access_token).change_account_password(change)
    assert account_of(changed.access_token).fetch_account().username == user.username
    try:
        tokens.request_token("refresh_token", refresh_token=theirs.refresh_token)
    except ApiException as refused:
        assert isinstance(refused.data, ErrorResponse) and refused.data.error == "invalid_grant"
        renewed = tokens.request_token("refresh_token", refresh_token=changed.refresh_token)
        assert renewed.refresh_token not in (None, changed.refresh_token)
        passed("password")

    client_id = unique("client")
    client = admin.create_client(
        ClientCreation(
            client_id=client_id,
            token_endpoint_auth_method=TokenEndpointAuthMethod.CLIENT_SECRET_BASIC,
            grant_types=[GrantType.CLIENT_CREDENTIALS],
            access_token_type=AccessTokenType.JWT,
        )
    )
    assert client.access_token_type == AccessTokenType.JWT
    service = tokens.request_token("client_credentials", client_id=client_id, client_secret=client.client_secret)
    assert service.refresh_token is None
    passed("client")


def account_of(access_token: str) -> AccountApi:
    return AccountApi(ApiClient(Configuration(host=ISSUER, access_token=access_token)))


def unique(word: str) -> str:
    """A unique name."""
    return f"{word}-{uuid.uuid4().hex[:12]}"


def passed(step: str) -> None:
    print(f"ok {step}", flush=True)


if __name__ == "__main__":
    main()
