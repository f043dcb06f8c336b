// Live prices in Go, with nothing but its standard library: `go run prices.go [URL] [BOARD]`.
// It reads server-sent events, which carry the same messages as the websocket.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Row is what a reader sees of one symbol. Prices and percents are decimal text; nil is unknown, never zero.
type Row struct {
	Symbol    string  `json:"symbol"`
	Name      string  `json:"name"`
	Price     *string `json:"price"`
	ChangePct *string `json:"change_pct"`
	Source    *string `json:"source"`
	State     string  `json:"state"`
	Ts        *int64  `json:"ts"`
}

// Message is a snapshot, an update, a heartbeat or a bye; other types and fields are ignored.
type Message struct {
	Type    string            `json:"type"`
	Seq     int64             `json:"seq"`
	Rows    []json.RawMessage `json:"rows"`
	RetryMs int64             `json:"retry_ms"`
}

const silence = 30 * time.Second // a live server says something every 10 s

var errRefused = errors.New("the server said no")

func main() {
	url, board := "http://127.0.0.1:8080", "krw"
	if len(os.Args) > 1 {
		url = strings.TrimRight(os.Args[1], "/")
	}
	if len(os.Args) > 2 {
		board = os.Args[2]
	}
	url += "/v1/events/" + board
	for here := arrive(url, 0, nil); ; {
		next, leaving := make(chan *connection, 1), false
		err := here.show(func(pause time.Duration) {
			if leaving {
				return
			}
			leaving = true
			go func(old *connection) { // which goes on bringing news until the next one has told everything
				next <- arrive(url, pause, errors.New("the server said bye"))
				old.close()
			}(here)
		})
		here.close()
		if !leaving {
			next <- arrive(url, 0, err)
		}
		here = <-next
	}
}

// arrive comes back with a connection that has brought its snapshot; after the end of another, as late as is asked and fair.
func arrive(url string, pause time.Duration, end error) *connection {
	for most := 10 * time.Second; ; { // doubling to a minute, and a random part of it
		if end != nil {
			pause += time.Duration(rand.Int63n(int64(most)))
			if most *= 2; most > time.Minute {
				most = time.Minute
			}
			log.Printf("%v; again in %v", end, pause.Round(time.Millisecond))
			time.Sleep(pause)
		}
		var found *connection
		if found, pause, end = dial(url); end == nil {
			return found
		}
		if errors.Is(end, errRefused) {
			log.Fatal(end)
		}
	}
}

// connection is an open stream of events.
type connection struct {
	body     io.ReadCloser
	lines    *bufio.Scanner
	watchdog *time.Timer
	snapshot Message
}

// dial opens a stream and reads its snapshot; else it says how long to stay away at least, and why.
func dial(url string) (*connection, time.Duration, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, 0, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		err = fmt.Errorf("HTTP %d %s", answer.StatusCode, body)
		if answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests {
			err = fmt.Errorf("%w: %v", errRefused, err)
		}
		return nil, time.Duration(seconds) * time.Second, err
	}
	opened := &connection{body: answer.Body, lines: bufio.NewScanner(answer.Body)}
	opened.lines.Buffer(nil, 4<<20)
	opened.watchdog = time.AfterFunc(silence, func() { answer.Body.Close() })
	for opened.snapshot.Type != "snapshot" {
		if opened.snapshot, err = opened.message(); err != nil {
			opened.close()
			return nil, 0, err
		}
	}
	return opened, 0, nil
}

func (c *connection) close() {
	c.watchdog.Stop()
	c.body.Close()
}

// message waits for the next one.
func (c *connection) message() (message Message, err error) {
	for c.lines.Scan() {
		c.watchdog.Reset(silence)
		if data := strings.TrimPrefix(c.lines.Text(), "data: "); data != c.lines.Text() {
			err = json.Unmarshal([]byte(data), &message)
			return message, err
		}
	}
	if err = c.lines.Err(); err == nil {
		err = io.EOF
	}
	return message, err
}

// show prints what a connection brings until it ends, and says why it did; bye is called when the server will close it.
func (c *connection) show(bye func(pause time.Duration)) error {
	rows, seq := map[string]Row{}, c.snapshot.Seq
	for message := c.snapshot; ; {
		switch message.Type {
		case "bye":
			bye(time.Duration(message.RetryMs) * time.Millisecond)
		case "snapshot":
			rows, seq = map[string]Row{}, message.Seq
		case "update", "heartbeat":
			if seq++; message.Seq != seq {
				return errors.New("a message is missing") // a new connection begins with a snapshot
			}
		}
		for _, change := range message.Rows {
			var key struct {
				Symbol string `json:"symbol"`
			}
			if err := json.Unmarshal(change, &key); err != nil {
				return err
			}
			row := rows[key.Symbol] // an absent field stays as it is, null becomes nil
			if err := json.Unmarshal(change, &row); err != nil {
				return err
			}
			rows[key.Symbol] = row
			fmt.Printf("%-6s %14s %8s %% %s\n", row.Symbol, text(row.Price), text(row.ChangePct), row.State)
		}
		var err error
		if message, err = c.message(); err != nil {
			return err
		}
	}
}

func text(value *string) string {
	if value == nil {
		return "-"
	}
	return *value
}
