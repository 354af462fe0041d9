// Checks the SDK of openapi-generator (java) against the servers at SDK_ISSUER and SDK_API.

// README
import java.util.Map;
import jeton.client.ApiClient;
import jeton.client.ApiException;
import jeton.client.api.AccountApi;
import jeton.client.api.TokenApi;
import jeton.client.api.TokenApi.APIRequestTokenRequest;
import jeton.client.model.ErrorResponse;
// end
import java.util.List;
import java.util.UUID;
import jeton.client.api.AdminApi;
import jeton.client.api.AdminApi.APICreateClientRequest;
import jeton.client.api.AdminApi.APICreateUserRequest;
import jeton.client.api.AdminApi.APIFetchUserRequest;
import jeton.client.api.TokenApi.APIRevokeTokenRequest;
import jeton.client.model.AccountSession;
import jeton.client.model.AccessTokenType;
import jeton.client.model.ClientCreation;
import jeton.client.model.GrantType;
import jeton.client.model.PasswordChange;
import jeton.client.model.TokenEndpointAuthMethod;
import jeton.client.model.UserCreation;
import jeton.client.model.Problem;
import jeton.client.model.TokenAnswer;
import myinfo.client.api.InfoApi;

final class Check {
  private static final String ISSUER = System.getenv("SDK_ISSUER");
  private static final String USERNAME = System.getenv("SDK_USERNAME");
  private static final String PASSWORD = System.getenv("SDK_PASSWORD");

  private final ApiClient client = new ApiClient();

  public static void main(String[] arguments) throws Exception {
    new Check().run(ISSUER, USERNAME, PASSWORD);
  }

  private void run(String issuer, String username, String password) throws Exception {
    client.updateBaseUri(issuer);
    // README

    var server = new ApiClient();
    server.updateBaseUri(issuer);
    var tokens = new TokenApi(server);
    var signIn = APIRequestTokenRequest.newBuilder().grantType("password").clientId("first-party").username(username);
    var token = tokens.requestToken(signIn.password(password).build());
    // end
    expect(token.getTokenType().equals("Bearer") && token.getExpiresIn() > 0);
    expect(token.getRefreshToken().startsWith("jrt_"));
    passed("sign-in");

    // README

    var bearer = Map.of("Authorization", "Bearer " + token.getAccessToken());
    var account = new AccountApi(server).fetchAccount(bearer);
    System.out.println("Signed in as " + account.getUsername());
    // end
    expect(account.getUsername().equals(username));
    passed("account");

    var api = new myinfo.client.ApiClient();
    api.updateBaseUri(System.getenv("SDK_API"));
    // A token for this API. Jeton's own API accepts no token for another one beside it.
    var atMyInfo = APIRequestTokenRequest.newBuilder().grantType("password").clientId("my-info").username(username);
    var itsBearer = bearer(tokens.requestToken(atMyInfo.password(password).build()));
    expect(new InfoApi(api).fetchMyInfo(itsBearer).getSub().equals(account.getSub().toString()));
    passed("my-info");

    var old = token;
    // README

    var refresh = APIRequestTokenRequest.newBuilder().grantType("refresh_token").clientId("first-party");
    token = tokens.requestToken(refresh.refreshToken(token.getRefreshToken()).build());
    // end
    expect(!token.getRefreshToken().equals(old.getRefreshToken()));
    bearer = bearer(token);
    expect(new AccountApi(server).fetchAccount(bearer).equals(account));
    passed("refresh");

    // README

    try {
      tokens.requestToken(signIn.password("a wrong password").build());
    } catch (ApiException refused) {
      var refusal = server.getObjectMapper().readValue(refused.getResponseBody(), ErrorResponse.class);
      System.out.println(refused.getCode() + " " + refusal.getError() + " " + refusal.getErrorDescription());
      // end
      expect(refused.getCode() == 400 && refusal.getError().equals("invalid_grant"));
      passed("error");
      // README
    }
    // end

    var sessions = new AccountApi(server).listAccountSessions(null, null, bearer).getSessions();
    var current = sessions.stream().filter(AccountSession::getCurrent).map(AccountSession::getClientId).toList();
    expect(current.equals(List.of("first-party")));
    passed("sessions");

    var signOut = APIRevokeTokenRequest.newBuilder().token(token.getRefreshToken()).clientId("first-party");
    tokens.revokeToken(signOut.build());
    var ended = refresh.refreshToken(token.getRefreshToken()).build();
    expect(refusal(() -> tokens.requestToken(ended), ErrorResponse.class).getError().equals("invalid_grant"));
    passed("sign-out");

    var operator = APIRequestTokenRequest.newBuilder().grantType("password").scope("admin").username(username);
    administrate(tokens, new AdminApi(server), bearer(tokens.requestToken(operator.password(password).build())));
  }

  private void administrate(TokenApi tokens, AdminApi admin, Map<String, String> bearer) throws Exception {
    var phrase = unique("passphrase");
    var userCreation = new UserCreation().username(unique("user")).password(phrase).roles(List.of("reader"));
    var create = APICreateUserRequest.newBuilder().userCreation(userCreation).build();
    var user = admin.createUser(create, bearer);
    var fetch = APIFetchUserRequest.newBuilder().id(user.getId()).build();
    expect(admin.fetchUser(fetch, bearer).getRoles().equals(List.of("reader")));
    var signIn = APIRequestTokenRequest.newBuilder().grantType("password").username(user.getUsername());
    var theirs = tokens.requestToken(signIn.password(phrase).build());
    expect(refusal(() -> admin.createUser(create, bearer), Problem.class).getStatus() == 409);
    passed("user");
    changePassword(tokens, theirs, phrase);

    var clientCreation = new ClientCreation().clientId(unique("client"))
        .tokenEndpointAuthMethod(TokenEndpointAuthMethod.CLIENT_SECRET_BASIC)
        .grantTypes(List.of(GrantType.CLIENT_CREDENTIALS)).accessTokenType(AccessTokenType.JWT);
    var registered = admin.createClient(APICreateClientRequest.newBuilder().clientCreation(clientCreation).build(), bearer);
    expect(registered.getAccessTokenType() == AccessTokenType.JWT);
    var own = APIRequestTokenRequest.newBuilder().grantType("client_credentials").clientId(registered.getClientId());
    expect(tokens.requestToken(own.clientSecret(registered.getClientSecret()).build()).getRefreshToken() == null);
    passed("client");
  }

  private void changePassword(TokenApi tokens, TokenAnswer token, String phrase) throws Exception {
    var account = new AccountApi(client);
    var change = new PasswordChange().currentPassword(phrase).newPassword(unique("passphrase"));
    var changed = account.changeAccountPassword(change, bearer(token));
    expect(account.fetchAccount(Map.of("Authorization", "Bearer " + changed.getAccessToken())).getSub() != null);
    var refresh = APIRequestTokenRequest.newBuilder().grantType("refresh_token");
    var replaced = refresh.refreshToken(token.getRefreshToken()).build();
    expect(refusal(() -> tokens.requestToken(replaced), ErrorResponse.class).getError().equals("invalid_grant"));
    var renewed = tokens.requestToken(refresh.refreshToken(changed.getRefreshToken()).build());
    expect(!renewed.getRefreshToken().equals(changed.getRefreshToken()));
    passed("password");
  }

  private static Map<String, String> bearer(TokenAnswer token) {
    return Map.of("Authorization", "Bearer " + token.getAccessToken());
  }

  private interface Attempt {
    void run() throws ApiException;
  }

  private <T> T refusal(Attempt attempt, Class<T> type) throws Exception {
    try {
      attempt.run();
    } catch (ApiException refused) {
      return client.getObjectMapper().readValue(refused.getResponseBody(), type);
    }
    throw new AssertionError("the request was not refused");
  }

  /** A unique name. */
  private static String unique(String word) {
    return word + "-" + UUID.randomUUID().toString().substring(24);
  }

  private static void expect(boolean holds) {
    if (!holds) throw new AssertionError();
  }

  private static void passed(String step) {
    System.out.println("ok " + step);
  }
}
