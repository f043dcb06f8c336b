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
	for failures := 0; ; {
		worked, pause, err := follow(url + "/v1/events/" + board)
		if errors.Is(err, errRefused) {
			log.Fatal(err)
		}
		if worked {
			failures = 0
		}
		most := 10 * time.Second << failures // doubling to a minute, and a random part of it
		if most >= time.Minute {
			most = time.Minute
		} else {
			failures++
		}
		pause += time.Duration(rand.Int63n(int64(most)))
		log.Printf("%v; again in %v", err, pause.Round(time.Millisecond))
		time.Sleep(pause)
	}
}

// follow reads one connection to its end: whether it brought a snapshot, how long to stay away at least, and why.
func follow(url string) (worked bool, pause time.Duration, err error) {
	answer, err := http.Get(url)
	if err != nil {
		return false, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		err = fmt.Errorf("HTTP %d %s", answer.StatusCode, body)
		if answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests {
			err = fmt.Errorf("%w: %v", errRefused, err)
		}
		return false, time.Duration(seconds) * time.Second, err
	}
	watchdog := time.AfterFunc(silence, func() { answer.Body.Close() })
	defer watchdog.Stop()
	rows, seq := map[string]Row{}, int64(0)
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		watchdog.Reset(silence)
		data := strings.TrimPrefix(lines.Text(), "data: ")
		if data == lines.Text() {
			continue
		}
		var message Message
		if err := json.Unmarshal([]byte(data), &message); err != nil {
			return worked, 0, err
		}
		switch message.Type {
		case "bye":
			return worked, time.Duration(message.RetryMs) * time.Millisecond, errors.New("the server said bye")
		case "snapshot":
			rows, seq, worked = map[string]Row{}, message.Seq, true
		case "update", "heartbeat":
			if seq++; message.Seq != seq {
				return worked, 0, errors.New("a message is missing") // a new connection begins with a snapshot
			}
		}
		for _, change := range message.Rows {
			var key struct {
				Symbol string `json:"symbol"`
			}
			if err := json.Unmarshal(change, &key); err != nil {
				return worked, 0, err
			}
			row := rows[key.Symbol] // an absent field stays as it is, null becomes nil
			if err := json.Unmarshal(change, &row); err != nil {
				return worked, 0, err
			}
			rows[key.Symbol] = row
			fmt.Printf("%-6s %14s %8s %% %s\n", row.Symbol, text(row.Price), text(row.ChangePct), row.State)
		}
	}
	if err = lines.Err(); err == nil {
		err = io.EOF
	}
	return worked, 0, err
}

func text(value *string) string {
	if value == nil {
		return "-"
	}
	return *value
}
