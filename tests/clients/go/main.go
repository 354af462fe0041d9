// A web app that signs its users in at Jeton, with go-oidc and golang.org/x/oauth2.
//
//	CLIENT_SECRET=… go run . [-issuer URL] [-address URL] [-client ID]
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"html"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// The session of a browser: an authorization request, and what came of it.
type session struct {
	lock                   sync.Mutex
	state, nonce, verifier string
	idToken                string
	token                  *oauth2.Token
}

type app struct {
	issuer, address string
	endSession      string
	provider        *oidc.Provider
	config          oauth2.Config
	sessions        sync.Map // a table of your database, by a cookie
}

func main() {
	issuer := flag.String("issuer", "http://localhost:8080", "the issuer")
	address := flag.String("address", "http://localhost:5000", "the address of this app")
	client := flag.String("client", "albums", "the client's id")
	flag.Parse()
	app, err := newApp(context.Background(), *issuer, *address, *client, os.Getenv("CLIENT_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /{$}", app.home)
	http.HandleFunc("GET /sign-in", app.signIn)
	http.HandleFunc("GET /callback", app.callback)
	http.HandleFunc("GET /sign-out", app.signOut)
	log.Fatal(http.ListenAndServe(strings.TrimPrefix(*address, "http://"), nil))
}

func newApp(ctx context.Context, issuer, address, clientID, clientSecret string) (*app, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	config := oauth2.Config{
		ClientID:     clientID,
		ClientSecret: clientSecret,
		Endpoint:     endpoint,
		RedirectURL:  address + "/callback",
		Scopes:       []string{oidc.ScopeOpenID, "profile", "email"},
	}
	return &app{issuer: issuer, address: address, endSession: metadata.EndSession, provider: provider, config: config}, nil
}

// Shows the user, or a link. Refreshes an expired token first.
func (app *app) home(w http.ResponseWriter, r *http.Request) {
	session := app.session(r)
	if session == nil || session.token == nil {
		fmt.Fprint(w, `<a href="/sign-in">Sign in</a>`)
		return
	}
	session.lock.Lock()
	defer session.lock.Unlock()
	token, err := app.config.TokenSource(r.Context(), session.token).Token()
	if err != nil {
		fail(w, err)
		return
	}
	session.token = token
	user, err := app.provider.UserInfo(r.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		fail(w, err)
		return
	}
	var claims struct {
		Username string `json:"preferred_username"`
	}
	if err := user.Claims(&claims); err != nil {
		fail(w, err)
		return
	}
	fmt.Fprintf(w, `{"sub": %q, "preferred_username": %q}`, user.Subject, claims.Username)
}

func (app *app) signIn(w http.ResponseWriter, r *http.Request) {
	session := &session{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	app.begin(w, session)
	location := app.config.AuthCodeURL(session.state,
		oidc.Nonce(session.nonce), oauth2.S256ChallengeOption(session.verifier))
	http.Redirect(w, r, location, http.StatusFound)
}

func (app *app) callback(w http.ResponseWriter, r *http.Request) {
	request := app.session(r)
	if request == nil || request.state == "" || r.FormValue("state") != request.state || r.FormValue("iss") != app.issuer {
		fail(w, errors.New("not the response to a request of this browser"))
		return
	}
	app.end(r)
	if code := r.FormValue("error"); code != "" {
		fail(w, errors.New(code))
		return
	}
	token, idToken, err := app.exchange(r.Context(), request, r.FormValue("code"))
	if err != nil {
		fail(w, err)
		return
	}
	app.begin(w, &session{token: token, idToken: idToken})
	http.Redirect(w, r, "/", http.StatusFound)
}

// Exchanges the code, and verifies the ID token.
func (app *app) exchange(ctx context.Context, request *session, code string) (*oauth2.Token, string, error) {
	token, err := app.config.Exchange(ctx, code, oauth2.VerifierOption(request.verifier))
	if err != nil {
		return nil, "", err
	}
	rawIDToken, _ := token.Extra("id_token").(string)
	idToken, err := app.provider.Verifier(&oidc.Config{ClientID: app.config.ClientID}).Verify(ctx, rawIDToken)
	if err != nil {
		return nil, "", err
	}
	if idToken.Nonce != request.nonce {
		return nil, "", errors.New("another nonce")
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, "", err
	}
	return token, rawIDToken, nil
}

func (app *app) signOut(w http.ResponseWriter, r *http.Request) {
	query := url.Values{"client_id": {app.config.ClientID}, "post_logout_redirect_uri": {app.address + "/"}}
	if session := app.session(r); session != nil && session.idToken != "" {
		query.Set("id_token_hint", session.idToken)
	}
	app.end(r)
	http.Redirect(w, r, app.endSession+"?"+query.Encode(), http.StatusFound)
}

// The session of the browser, or nil.
func (app *app) session(r *http.Request) *session {
	if cookie, err := r.Cookie("session"); err == nil {
		if found, ok := app.sessions.Load(cookie.Value); ok {
			return found.(*session)
		}
	}
	return nil
}

// Begins a session under a new cookie.
func (app *app) begin(w http.ResponseWriter, session *session) {
	id := rand.Text()
	app.sessions.Store(id, session)
	http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (app *app) end(r *http.Request) {
	if cookie, err := r.Cookie("session"); err == nil {
		app.sessions.Delete(cookie.Value)
	}
}

// Shows an error. A refresh after the session has ended gets invalid_grant: the user signs in again.
func fail(w http.ResponseWriter, err error) {
	w.WriteHeader(http.StatusBadRequest)
	log.Print(err)
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		err = errors.New(refused.ErrorCode)
	}
	fmt.Fprintf(w, `%s: <a href="/sign-in">Sign in</a>`, html.EscapeString(err.Error()))
}
