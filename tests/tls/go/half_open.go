package main

import (
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// perAddress is the number of half-open connections of an address, below server.max_connections_per_address.
const perAddress = 500

// attack keeps a number of connections open that never send a whole request. Each is opened again when the server has
// closed it. Of ten connections, five send nothing, four a part of a ClientHello, one completes the handshake and sends a
// part of a request's head.
type attack struct {
	address          string
	isOpen, reopened atomic.Int64
	isStopping       chan struct{}
	group            sync.WaitGroup
}

// newAttack opens the connections one after the other, and returns when all are open.
func newAttack(address string, count int, openIn time.Duration) *attack {
	attack := &attack{address: address, isStopping: make(chan struct{})}
	begin := time.Now()
	for i := range count {
		attack.group.Go(func() { attack.hold(i) })
		time.Sleep(time.Until(begin.Add(openIn * time.Duration(i) / time.Duration(count))))
	}
	for attack.isOpen.Load() < int64(count)*98/100 {
		time.Sleep(20 * time.Millisecond)
	}
	return attack
}

func (attack *attack) stop() {
	close(attack.isStopping)
	attack.group.Wait()
}

// hold keeps one connection open.
func (attack *attack) hold(number int) {
	source := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+number/perAddress))}
	dialer := net.Dialer{LocalAddr: source, Timeout: 20 * time.Second}
	for {
		connection, err := dialer.Dial("tcp", attack.address)
		if err == nil {
			attack.isOpen.Add(1)
			attack.occupy(connection, number)
			attack.isOpen.Add(-1)
		}
		select {
		case <-attack.isStopping:
			return
		case <-time.After(10 * time.Millisecond):
			attack.reopened.Add(1)
		}
	}
}

// occupy sends a part of what the server waits for, and waits until the server closes the connection.
func (attack *attack) occupy(connection net.Conn, number int) {
	closed := make(chan struct{})
	go func() {
		select {
		case <-attack.isStopping:
		case <-closed:
		}
		connection.Close()
	}()
	defer close(closed)
	switch number % 10 {
	case 0:
		host, _, _ := net.SplitHostPort(attack.address)
		connection = tls.Client(connection, &tls.Config{ServerName: host})
		_, _ = io.WriteString(connection, "POST /token HTTP/1.1\r\nHost: "+host+"\r\nContent-")
	case 1, 2, 3, 4:
		// A record of 508 bytes, of which 45 arrive.
		hello, _ := hex.DecodeString("16030101fc010001f80303" + strings.Repeat("5a", 34))
		_, _ = connection.Write(hello)
	}
	_, _ = io.Copy(io.Discard, connection)
}
