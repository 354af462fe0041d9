// The authentication of the Kubernetes API server: prints the user of a bearer token.
//
//	kubernetes CONFIGURATION CA    reads the token from standard input
//
// CONFIGURATION is a file for --authentication-config; CA has the certificates of the issuer.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

// The issuer's certificates.
type certificates []byte

func (c certificates) CurrentCABundleContent() []byte { return c }

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	token, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	user, err := authenticate(ctx, os.Args[1], os.Args[2], strings.TrimSpace(string(token)))
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"name": user.GetName(), "groups": user.GetGroups()}); err != nil {
		log.Fatal(err)
	}
}

func authenticate(ctx context.Context, file, ca, token string) (user.Info, error) {
	configuration, err := load(file)
	if err != nil {
		return nil, err
	}
	bundle, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	options := oidc.Options{JWTAuthenticator: configuration.JWT[0], CAContentProvider: certificates(bundle)}
	authenticator, err := oidc.New(ctx, options)
	if err != nil {
		return nil, err
	}
	// The authenticator discovers the issuer in the background.
	for authenticator.HealthCheck() != nil {
		select {
		case <-ctx.Done():
			return nil, authenticator.HealthCheck()
		case <-time.After(50 * time.Millisecond):
		}
	}
	response, ok, err := authenticator.AuthenticateToken(ctx, token)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("not a token of this issuer")
	}
	return response.User, nil
}

// Reads the file as the API server does: unknown fields are errors.
func load(file string) (*apiserver.AuthenticationConfiguration, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	configuration := &apiserver.AuthenticationConfiguration{}
	if err := runtime.DecodeInto(codecs.UniversalDecoder(), content, configuration); err != nil {
		return nil, err
	}
	if len(configuration.JWT) != 1 {
		return nil, errors.New("not one issuer")
	}
	return configuration, nil
}
