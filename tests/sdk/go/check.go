// Checks the SDK of openapi-generator (go) against the servers at SDK_ISSUER and SDK_API.
package main

// README
import (
	"context"
	"errors"
	"fmt"
	"log"

	"golang.org/x/oauth2"
	jeton "sdk.example.com/go/jeton"
)

// end
import (
	"crypto/rand"
	"os"
	"slices"

	myinfo "sdk.example.com/go/myinfo"
)

func main() {
	issuer, username, password := os.Getenv("SDK_ISSUER"), os.Getenv("SDK_USERNAME"), os.Getenv("SDK_PASSWORD")
	// README

	configuration := jeton.NewConfiguration()
	configuration.Servers[0].URL = issuer
	server, ctx := jeton.NewAPIClient(configuration), context.Background()
	signIn := server.TokenAPI.RequestToken(ctx).GrantType("password").ClientId("first-party").Username(username)
	token, _, err := signIn.Password(password).Execute()
	if err != nil {
		log.Fatal(err)
	}
	// end
	expect(token.TokenType == "Bearer" && token.ExpiresIn > 0)
	passed("sign-in")

	// README

	bearer := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token.AccessToken})
	signedIn := context.WithValue(ctx, jeton.ContextOAuth2, bearer)
	account, _, err := server.AccountAPI.FetchAccount(signedIn).Execute()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Signed in as", account.Username)
	// end
	expect(account.Username == username)
	passed("account")

	api := myinfo.NewConfiguration()
	api.Servers[0].URL = os.Getenv("SDK_API")
	// A token for this API. Jeton's own API accepts no token for another one beside it.
	itsToken, _, err := signIn.ClientId("my-info").Password(password).Execute()
	must(err)
	bearer = oauth2.StaticTokenSource(&oauth2.Token{AccessToken: itsToken.AccessToken})
	info, _, err := myinfo.NewAPIClient(api).InfoAPI.FetchMyInfo(context.WithValue(ctx, myinfo.ContextOAuth2, bearer)).Execute()
	must(err)
	expect(info.Sub == account.Sub)
	passed("my-info")

	old := token
	// README

	refresh := server.TokenAPI.RequestToken(ctx).GrantType("refresh_token").ClientId("first-party")
	token, _, err = refresh.RefreshToken(token.GetRefreshToken()).Execute()
	// end
	must(err)
	expect(token.GetRefreshToken() != old.GetRefreshToken())
	signedIn = contextWith(token)
	again, _, err := server.AccountAPI.FetchAccount(signedIn).Execute()
	must(err)
	expect(again.Sid == account.Sid)
	passed("refresh")

	// README

	_, response, err := signIn.Password("a wrong password").Execute()
	if failure := new(jeton.GenericOpenAPIError); errors.As(err, &failure) {
		if refusal, ok := failure.Model().(jeton.ErrorResponse); ok {
			fmt.Println(response.StatusCode, refusal.Error, refusal.ErrorDescription)
			// end
			expect(response.StatusCode == 400 && refusal.Error == "invalid_grant")
			passed("error")
			// README
		}
	}
	// end

	sessions, _, err := server.AccountAPI.ListAccountSessions(signedIn).Execute()
	must(err)
	current := slices.IndexFunc(sessions.Sessions, func(session jeton.AccountSession) bool { return session.Current })
	expect(sessions.Sessions[current].ClientId == "first-party")
	passed("sessions")

	_, _, err = server.TokenAPI.RevokeToken(ctx).Token(token.GetRefreshToken()).ClientId("first-party").Execute()
	must(err)
	_, _, err = refresh.RefreshToken(token.GetRefreshToken()).Execute()
	expect(refusal[jeton.ErrorResponse](err).Error == "invalid_grant")
	passed("sign-out")

	token, _, err = signIn.ClientId("first-party").Scope("admin").Password(password).Execute()
	must(err)
	administrate(server, contextWith(token))
}

func administrate(server *jeton.APIClient, ctx context.Context) {
	phrase := unique("passphrase")
	userCreation := jeton.UserCreation{Username: unique("user"), Password: &phrase, Roles: []string{"reader"}}
	user, _, err := server.AdminAPI.CreateUser(ctx).UserCreation(userCreation).Execute()
	must(err)
	found, _, err := server.AdminAPI.FetchUser(ctx, user.Id).Execute()
	must(err)
	expect(slices.Equal(found.Roles, []string{"reader"}))
	signIn := server.TokenAPI.RequestToken(context.Background()).GrantType("password").Username(user.Username)
	token, _, err := signIn.Password(phrase).Execute()
	must(err)
	_, _, err = server.AdminAPI.CreateUser(ctx).UserCreation(userCreation).Execute()
	expect(refusal[jeton.Problem](err).Status == 409)
	passed("user")
	changePassword(server, token, phrase)

	clientCreation := jeton.NewClientCreation(unique("client"))
	clientCreation.SetTokenEndpointAuthMethod(jeton.TOKENENDPOINTAUTHMETHOD_CLIENT_SECRET_BASIC)
	clientCreation.SetGrantTypes([]jeton.GrantType{jeton.GRANTTYPE_CLIENT_CREDENTIALS})
	clientCreation.SetAccessTokenType(jeton.ACCESSTOKENTYPE_JWT)
	client, _, err := server.AdminAPI.CreateClient(ctx).ClientCreation(*clientCreation).Execute()
	must(err)
	expect(client.GetAccessTokenType() == jeton.ACCESSTOKENTYPE_JWT)
	own := server.TokenAPI.RequestToken(context.Background()).GrantType("client_credentials").ClientId(client.ClientId)
	service, _, err := own.ClientSecret(client.GetClientSecret()).Execute()
	must(err)
	expect(!service.HasRefreshToken())
	passed("client")
}

func changePassword(server *jeton.APIClient, token *jeton.TokenAnswer, phrase string) {
	change := jeton.NewPasswordChange(phrase, unique("passphrase"))
	changed, _, err := server.AccountAPI.ChangeAccountPassword(contextWith(token)).PasswordChange(*change).Execute()
	must(err)
	_, _, err = server.AccountAPI.FetchAccount(contextWith(changed)).Execute()
	must(err)
	refresh := server.TokenAPI.RequestToken(context.Background()).GrantType("refresh_token")
	_, _, err = refresh.RefreshToken(token.GetRefreshToken()).Execute()
	expect(refusal[jeton.ErrorResponse](err).Error == "invalid_grant")
	renewed, _, err := refresh.RefreshToken(changed.GetRefreshToken()).Execute()
	must(err)
	expect(renewed.GetRefreshToken() != changed.GetRefreshToken())
	passed("password")
}

func contextWith(token interface{ GetAccessToken() string }) context.Context {
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token.GetAccessToken()})
	return context.WithValue(context.Background(), jeton.ContextOAuth2, source)
}

func refusal[T any](err error) T {
	failure := new(jeton.GenericOpenAPIError)
	expect(errors.As(err, &failure))
	model, ok := failure.Model().(T)
	expect(ok)
	return model
}

// A unique name.
func unique(word string) string {
	return word + "-" + rand.Text()
}

func must(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func expect(holds bool) {
	if !holds {
		log.Panic("an expectation failed")
	}
}

func passed(step string) {
	fmt.Println("ok", step)
}
