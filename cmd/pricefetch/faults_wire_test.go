//go:build faults

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// listenBetween puts itself between the program and a server on loopback and tells of each command before the server
// sees it. It returns the port to connect to.
func listenBetween(t testing.TB, backend int, tell func(command string)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed
			}
			served.Go(func() { between(client, backend, tell) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		served.Wait() // the program is gone, its connections too
	})
	return l.Addr().(*net.TCPAddr).Port
}

func between(client net.Conn, backend int, tell func(command string)) {
	defer client.Close()
	server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", backend))
	if err != nil {
		return // the program sees a connection that ends
	}
	defer server.Close()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = io.Copy(client, server) // either side may end it
		_ = client.Close()
	}()
	commands := bufio.NewReader(client)
	for {
		line, err := commands.ReadString('\n')
		if err != nil {
			break
		}
		tell(strings.ToUpper(strings.TrimSpace(line)))
		if _, err := io.WriteString(server, line); err != nil {
			break
		}
	}
	_ = server.Close()
	<-answered
}
