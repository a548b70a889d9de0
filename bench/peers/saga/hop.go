package saga

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// publishers of a burst: as many as keep the broker's connection pool busy.
const publishers = 64

// hop is an event of about 512 bytes. Microseconds stay below 2^53, which JSON numbers don't survive everywhere.
type hop struct {
	ID          string `json:"id"`
	PublishedUs int64  `json:"publishedUs"`
	Padding     string `json:"padding"`
}

var padding = strings.Repeat("x", 430)

func source(s *Service) {
	var published, next atomic.Int64
	run := time.Now().UnixNano()
	publish := func(due time.Time) {
		time.Sleep(time.Until(due))
		id := fmt.Sprintf("%x-%d", run, next.Add(1))
		payload, err := json.Marshal(hop{id, time.Now().UnixMicro(), padding})
		if err == nil {
			err = s.Publish(context.Background(), Event{Hop, id, payload})
		}
		if err != nil {
			log.Printf("hop %s: %v", id, err)
			return
		}
		published.Add(1)
	}
	s.Mux.HandleFunc("POST /burst", func(w http.ResponseWriter, r *http.Request) {
		count, err := strconv.Atoi(r.FormValue("count"))
		rate, wrong := strconv.ParseFloat(r.FormValue("rate"), 64)
		if err != nil || wrong != nil || count < 0 || rate < 0 {
			http.Error(w, "count and rate are numbers", http.StatusBadRequest)
			return
		}
		go burst(count, rate, publish)
		w.WriteHeader(http.StatusAccepted)
	})
	s.Mux.HandleFunc("GET /burst", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]int64{"published": published.Load()}, nil)
	})
}

// burst calls publish `count` times, each with the moment it is due at `rate` a second.
func burst(count int, rate float64, publish func(time.Time)) {
	start := time.Now()
	turns := make(chan int)
	for range publishers {
		go func() {
			for turn := range turns {
				due := start
				if rate > 0 {
					due = start.Add(time.Duration(float64(turn) / rate * float64(time.Second)))
				}
				publish(due)
			}
		}()
	}
	for turn := range count {
		turns <- turn
	}
	close(turns)
}

// latencies of what this process has handled, since the start or the last DELETE.
type latencies struct {
	sync.Mutex
	micros      []int64
	first, last time.Time
	before      int64
}

func sink(s *Service) Step {
	var seen latencies
	s.Mux.HandleFunc("GET /hop", func(w http.ResponseWriter, _ *http.Request) {
		seen.Lock()
		sorted := slices.Clone(seen.micros)
		received := s.Delivered.Load() - seen.before
		first, last := seen.first, seen.last
		seen.Unlock()
		slices.Sort(sorted)
		answer(w, http.StatusOK, map[string]int64{
			"received": received, "distinct": int64(len(sorted)),
			"p50_us": percentile(sorted, 50), "p95_us": percentile(sorted, 95), "p99_us": percentile(sorted, 99),
			"first_ns": unixNano(first), "last_ns": unixNano(last),
		}, nil)
	})
	s.Mux.HandleFunc("DELETE /hop", func(w http.ResponseWriter, _ *http.Request) {
		seen.Lock()
		seen.micros, seen.first, seen.last, seen.before = nil, time.Time{}, time.Time{}, s.Delivered.Load()
		seen.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	return step(s.State, Hop, "", func(_ context.Context, event hop) (*Event, error) {
		now := time.Now()
		seen.Lock()
		defer seen.Unlock()
		if seen.first.IsZero() {
			seen.first = now
		}
		seen.last = now
		seen.micros = append(seen.micros, now.UnixMicro()-event.PublishedUs)
		return nil, nil
	})
}

func percentile(sorted []int64, percent int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*percent/100]
}

func unixNano(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}
