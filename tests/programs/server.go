// A web server of Go's own library: goroutines on threads, epoll, HTTP/1.1 with chunks and pipelining.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
)

var served atomic.Int64

// number bytes, which the client can make, too
func big(w http.ResponseWriter, r *http.Request) {
	count, err := strconv.Atoi(r.URL.Query().Get("bytes"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	piece := make([]byte, 65536)
	for i := range piece {
		piece[i] = byte(i % 251)
	}
	for count > 0 {
		n := min(count, len(piece))
		if _, err := w.Write(piece[:n]); err != nil {
			return
		}
		count -= n
	}
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func sum(w http.ResponseWriter, r *http.Request) {
	h := sha256.New()
	n, err := io.Copy(h, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d %x\n", n, h.Sum(nil))
}

// What was asked for is asked for again, of the name that it names: a client in the server.
func relay(w http.ResponseWriter, r *http.Request) {
	answer, err := http.Get(r.URL.Query().Get("of"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	io.Copy(w, answer.Body)
}

func main() {
	listener, err := net.Listen("tcp", ":80")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		fmt.Fprintf(w, "hello %s\n", r.URL.Path)
	})
	http.HandleFunc("/big", big)
	http.HandleFunc("/sum", sum)
	http.HandleFunc("/relay", relay)
	http.HandleFunc("/interfaces", func(w http.ResponseWriter, r *http.Request) {
		addresses, err := net.InterfaceAddrs()
		fmt.Fprintln(w, addresses, err)
	})
	http.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("served", served.Load())
		os.Exit(0)
	})
	fmt.Println("ready")
	fmt.Println(http.Serve(listener, nil))
}
