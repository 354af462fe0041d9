// Command jeton-tls-checks is a TLS client, and the load of tests/tls/run.sh. It trusts the authorities in SSL_CERT_FILE.
//
//	jeton-tls-checks client URL PASSWORD
//	jeton-tls-checks load [FLAGS] URL PASSWORD
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const clientID = "first-party"

func main() {
	if len(os.Args) < 4 {
		stop("usage: client|load [FLAGS] URL PASSWORD")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	load := load{}
	flags.IntVar(&load.clients, "clients", 200, "number of clients that refresh")
	flags.IntVar(&load.halfOpen, "half-open", 0, "number of half-open connections in a loaded round")
	flags.DurationVar(&load.openIn, "open-in", 10*time.Second, "time in which they are opened; 10s, as they live: evenly")
	flags.IntVar(&load.rounds, "rounds", 1, "rounds without and with half-open connections, in turn")
	flags.DurationVar(&load.time, "time", 12*time.Second, "length of a round")
	flags.IntVar(&load.pid, "pid", 0, "process whose memory is reported")
	_ = flags.Parse(os.Args[2:])
	issuer, password := flags.Arg(0), flags.Arg(1)
	if os.Args[1] == "client" {
		check(issuer, password)
		return
	}
	load.run(issuer, password)
}

// check signs in and refreshes with Go's default client, over HTTP/2 and HTTP/1.1.
func check(issuer, password string) {
	for _, protocol := range []string{"HTTP/2.0", "HTTP/1.1"} {
		client := newClient(protocol == "HTTP/2.0", false)
		tokens, _ := signIn(client, issuer, password)
		response, err := client.PostForm(issuer+"/token", refreshForm(tokens.Refresh))
		if err != nil {
			stop(err)
		}
		if response.Proto != protocol || response.StatusCode != 200 || response.TLS.Version != tls.VersionTLS13 {
			stop(fmt.Sprintf("%s, status %d, %s", response.Proto, response.StatusCode, tls.VersionName(response.TLS.Version)))
		}
		fmt.Printf("ok Go: sign-in and refresh over %s and TLS 1.3\n", protocol)
	}
}

type tokens struct {
	Refresh string `json:"refresh_token"`
}

func newClient(http2, oneRequestPerConnection bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{Protocols: protocols, DisableKeepAlives: oneRequestPerConnection}
	return &http.Client{Transport: transport, Timeout: 15 * time.Second}
}

func signIn(client *http.Client, issuer, password string) (tokens, error) {
	form := url.Values{"grant_type": {"password"}, "client_id": {clientID}, "username": {"admin"}, "password": {password}}
	return post(client, issuer, form)
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {token}}
}

// post sends a token request and reads the whole response.
func post(client *http.Client, issuer string, form url.Values) (tokens, error) {
	var answer tokens
	response, err := client.Post(issuer+"/token", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer, err
	}
	if response.StatusCode != 200 {
		return answer, fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	return answer, json.Unmarshal(body, &answer)
}

func stop(reason any) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}
