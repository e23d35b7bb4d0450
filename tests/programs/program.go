// A Go program for test_go.py: goroutines on several threads, timers, files, processes, signals, local sockets.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// Primes by a chain of goroutines, each with a channel of its own.
func sieve(count int) int {
	numbers := make(chan int)
	go func(to chan<- int) {
		for i := 2; ; i++ {
			to <- i
		}
	}(numbers)
	prime := 0
	for i := 0; i < count; i++ {
		prime = <-numbers
		next := make(chan int)
		go func(from <-chan int, to chan<- int, prime int) {
			for {
				if n := <-from; n%prime != 0 {
					to <- n
				}
			}
		}(numbers, next, prime)
		numbers = next
	}
	return prime
}

func goroutines() {
	fmt.Println("sieve:", sieve(60))
	var group sync.WaitGroup
	var lock sync.Mutex
	var sum int64
	seen := map[int]int{}
	for i := 0; i < 1000; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			runtime.Gosched()
			atomic.AddInt64(&sum, int64(i*i))
			lock.Lock()
			seen[i%10]++
			lock.Unlock()
		}(i)
	}
	group.Wait()
	fmt.Println("goroutines:", sum, seen)
	runtime.LockOSThread()
	done := make(chan bool)
	go func() { runtime.LockOSThread(); done <- true }()
	fmt.Println("threads:", <-done)
	runtime.UnlockOSThread()
}

func timers() {
	begin := time.Now()
	came := make(chan int, 3)
	for _, wait := range []int{60, 20, 40} {
		wait := wait
		time.AfterFunc(time.Duration(wait)*time.Millisecond, func() {
			if time.Since(begin) >= time.Duration(wait)*time.Millisecond {
				came <- wait
			}
		})
	}
	fmt.Println("timers:", <-came+<-came+<-came)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	select {
	case <-ctx.Done():
		fmt.Println("context:", ctx.Err())
	case <-time.After(20 * time.Second):
		fmt.Println("too late")
	}
	ticks := 0
	ticker := time.NewTicker(2 * time.Millisecond)
	for range ticker.C {
		if ticks++; ticks == 5 {
			break
		}
	}
	ticker.Stop()
	fmt.Println("ticks:", ticks)
	// One that does not give way of its own accord is interrupted by a signal.
	var stop int32
	stopped := make(chan bool)
	go func() {
		for atomic.LoadInt32(&stop) == 0 {
		}
		stopped <- true
	}()
	time.Sleep(20 * time.Millisecond)
	runtime.GC()
	atomic.StoreInt32(&stop, 1)
	<-stopped
	fmt.Println("interrupted")
}

func files() {
	check(os.MkdirAll("tree/a/b", 0o755))
	for i := 0; i < 50; i++ {
		check(os.WriteFile(fmt.Sprintf("tree/a/b/%02d", i), bytes.Repeat([]byte{byte(i)}, i*100), 0o640))
	}
	check(os.Rename("tree/a/b/07", "tree/seven"))
	check(os.Symlink("../seven", "tree/a/link"))
	sum, count := sha256.New(), 0
	check(filepath.WalkDir("tree", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			file, err := os.Open(path)
			check(err)
			defer file.Close()
			io.Copy(sum, bufio.NewReader(file))
			count++
		}
		return err
	}))
	fmt.Printf("files: %d %x\n", count, sum.Sum(nil)[:8])
	info, err := os.Stat("tree/a/link")
	check(err)
	fmt.Println(info.Size(), info.Mode())
	_, err = os.ReadFile("tree/none")
	fmt.Println(err, errors.Is(err, fs.ErrNotExist))
	file, err := os.OpenFile("tree/seven", os.O_RDWR|os.O_APPEND, 0)
	check(err)
	fmt.Fprintf(file, "%s\n", "more")
	check(file.Truncate(702))
	check(file.Sync())
	check(file.Close())
	text, _ := os.ReadFile("tree/a/link")
	fmt.Printf("%d %q\n", len(text), text[698:])
	check(os.RemoveAll("tree"))
	encoded, _ := json.Marshal(map[string]any{"list": []int{1, 2}, "text": "a\"b", "real": 1.5})
	fmt.Println(string(encoded))
}

func processes() {
	command := exec.Command("/bin/tr", "a-z", "A-Z")
	command.Stdin = strings.NewReader("through a pipe\n")
	said, err := command.Output()
	check(err)
	fmt.Print("child: ", string(said))
	err = exec.Command("/bin/sh", "-c", "echo to nobody; kill -9 $$").Run()
	fmt.Println("ended:", err)
	err = exec.Command("/bin/sh", "-c", "exit 7").Run()
	fmt.Println("ended:", err)
	_, err = exec.LookPath("not-there")
	fmt.Println(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	fmt.Println("ended:", exec.CommandContext(ctx, "/bin/sleep", "100").Run())
}

func signals() {
	got := make(chan os.Signal, 4)
	signal.Notify(got, syscall.SIGUSR1, syscall.SIGTERM)
	check(syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	fmt.Println("signal:", <-got)
	check(syscall.Kill(os.Getpid(), syscall.SIGTERM))
	fmt.Println("signal:", <-got)
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var nothing *struct{ next [4]int }
		fmt.Println(nothing.next[3])
	}()
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		zero := 0
		fmt.Println(1 / zero)
	}()
}

func sockets() {
	listener, err := net.Listen("unix", "socket")
	check(err)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				lines := bufio.NewScanner(connection)
				for lines.Scan() {
					fmt.Fprintln(connection, strings.ToUpper(lines.Text()))
				}
			}()
		}
	}()
	answers := make(chan string)
	for i := 0; i < 8; i++ {
		go func(i int) {
			connection, err := net.Dial("unix", "socket")
			check(err)
			defer connection.Close()
			lines := bufio.NewScanner(connection)
			for j := 0; j < 20; j++ {
				fmt.Fprintf(connection, "client %d line %d\n", i, j)
				lines.Scan()
			}
			answers <- lines.Text()
		}(i)
	}
	var all []string
	for i := 0; i < 8; i++ {
		all = append(all, <-answers)
	}
	sort.Strings(all)
	fmt.Println("sockets:", strings.Join(all, ", "))
	check(listener.Close())
}

func memory() {
	debug.SetGCPercent(20)
	kept := map[int][]byte{}
	for i := 0; i < 20000; i++ {
		kept[i%500] = bytes.Repeat([]byte{byte(i)}, 1+i%3000)
	}
	total := 0
	for _, piece := range kept {
		total += len(piece)
	}
	var statistics runtime.MemStats
	runtime.ReadMemStats(&statistics)
	fmt.Println("memory:", total, statistics.NumGC > 3)
}

func main() {
	for _, part := range []func(){goroutines, timers, files, processes, signals, sockets, memory} {
		part()
	}
	fmt.Fprintln(os.Stderr, "to standard error", len(os.Args))
	defer os.Exit(13)
	panic("seen by the deferred exit alone")
}
