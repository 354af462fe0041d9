package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pace is the mean time between two refreshes of a client.
const pace = 2 * time.Second

// load is clients that refresh their sessions, with and without half-open connections beside them.
type load struct {
	clients, halfOpen, rounds, pid int
	time, openIn                   time.Duration
}

type session struct {
	client  *http.Client
	refresh string
}

// result has the durations of the refreshes of a round and its errors.
type result struct {
	sync.Mutex
	durations []time.Duration
	errors    []error
}

func (load *load) run(issuer, password string) {
	sessions := load.signIn(issuer, password)
	fmt.Printf("%d clients have signed in\n", load.clients)
	var quiet, loaded result
	for range load.rounds {
		load.round("quiet", issuer, sessions, &quiet)
		if load.halfOpen == 0 {
			continue
		}
		address, _ := url.Parse(issuer)
		attack := newAttack(address.Host, load.halfOpen, load.openIn)
		load.round(fmt.Sprintf("%d half-open", attack.isOpen.Load()), issuer, sessions, &loaded)
		attack.stop()
		fmt.Printf("the server closed %d half-open connections and each was opened again\n", attack.reopened.Load())
	}
	if load.halfOpen > 0 {
		ratio := float64(percentile(loaded.durations, 99)) / float64(percentile(quiet.durations, 99))
		fmt.Printf("p99 with half-open connections: %.1f times the quiet one\n", ratio)
	}
	if errors := append(quiet.errors, loaded.errors...); len(errors) > 0 {
		stop(fmt.Sprintf("%d refreshes failed, the first: %v", len(errors), errors[0]))
	}
}

// signIn begins a session for each client. Half of the clients open a connection for each request.
func (load *load) signIn(issuer, password string) []*session {
	sessions := make([]*session, load.clients)
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for i := part; i < load.clients; i += 4 {
				client := newClient(false, i%2 == 0)
				begun, err := signIn(client, issuer, password)
				if err != nil {
					stop(err)
				}
				sessions[i] = &session{client, begun.Refresh}
			}
		})
	}
	group.Wait()
	return sessions
}

// round refreshes the sessions until its time is over.
func (load *load) round(name, issuer string, sessions []*session, result *result) {
	end := time.Now().Add(load.time)
	first, used := len(result.durations), processorTime(load.pid)
	var group sync.WaitGroup
	for _, session := range sessions {
		group.Go(func() {
			time.Sleep(rand.N(pace))
			for time.Now().Before(end) {
				begin := time.Now()
				answer, err := post(session.client, issuer, refreshForm(session.refresh))
				result.add(time.Since(begin), err)
				if err == nil {
					session.refresh = answer.Refresh
				}
				time.Sleep(pace/2 + rand.N(pace))
			}
		})
	}
	group.Wait()
	durations := result.durations[first:]
	fmt.Printf("%s: %d clients, %d refreshes, p50 %s, p99 %s, longest %s, %d errors; server: %s of processor time, %s\n",
		name,
		load.clients, len(durations), percentile(durations, 50), percentile(durations, 99), percentile(durations, 100),
		len(result.errors), processorTime(load.pid)-used, memory(load.pid))
}

func (result *result) add(duration time.Duration, err error) {
	result.Lock()
	defer result.Unlock()
	result.durations = append(result.durations, duration)
	if err != nil {
		result.errors = append(result.errors, err)
	}
}

func percentile(durations []time.Duration, percent int) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[(len(sorted)-1)*percent/100].Round(100 * time.Microsecond)
}

// processorTime returns the processor time that a process has used.
func processorTime(pid int) time.Duration {
	var ticks [15]int
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	for i, field := range strings.Fields(string(text)) {
		if i < len(ticks) {
			ticks[i], _ = strconv.Atoi(field)
		}
	}
	// utime and stime, in hundredths of a second.
	return time.Duration(ticks[13]+ticks[14]) * 10 * time.Millisecond
}

// memory returns the resident set of a process.
func memory(pid int) string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			return strings.TrimSpace(rest) + " of memory"
		}
	}
	return "unknown memory"
}
