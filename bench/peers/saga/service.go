// Package saga is what the two peers have in common: the five services and the hop job, without a bus.
package saga

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxBody = 64 << 10
	// More orders than are ever between two reads of GET /shipped.
	shippedBuffer = 1 << 16
	// For requests in flight at SIGTERM; they take milliseconds.
	grace = 2 * time.Second
)

// Publish hands an event to the broker and returns when the broker has it.
type Publish func(context.Context, Event) error

// Service is one process. A bus gives it what it hears and publishes what it answers.
type Service struct {
	Name  string
	Redis string
	// Step is nil for those that hear nothing.
	Step  *Step
	State *State
	Mux   *http.ServeMux
	// Ready is set by the bus when it is subscribed.
	Ready   func(context.Context) bool
	Publish Publish

	// Delivered is counted by the bus: every delivery, duplicates too.
	Delivered atomic.Int64

	address string
	closing chan struct{}
	shipped chan string
}

// New reads the command line. Flags of the bus are defined by then: they are variables of its package.
func New() *Service {
	name := flag.String("service", "", "orders|inventory|payment|shipping|fulfilment|hop-source|hop-sink")
	port := flag.Int("port", 0, "port of this service")
	address := flag.String("redis", "127.0.0.1:6379", "host:port")
	flag.Parse()

	client := redis.NewClient(&redis.Options{Addr: *address})
	s := &Service{
		Name:    *name,
		Redis:   *address,
		State:   &State{*name, client},
		Mux:     http.NewServeMux(),
		address: fmt.Sprintf("127.0.0.1:%d", *port),
		closing: make(chan struct{}),
		shipped: make(chan string, shippedBuffer),
	}
	s.routes()
	return s
}

func (s *Service) routes() {
	s.Mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if s.Ready != nil && s.Ready(r.Context()) {
			w.WriteHeader(http.StatusNoContent)
		} else {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s.Mux.HandleFunc("GET /totals", func(w http.ResponseWriter, r *http.Request) {
		totals, err := s.State.totals(r.Context())
		answer(w, http.StatusOK, totals, err)
	})
	switch s.Name {
	case "orders":
		s.Mux.HandleFunc("POST /orders", s.postOrder())
	case "fulfilment":
		s.Mux.HandleFunc("GET /shipped", s.streamShipped)
		s.hears(steps[s.Name](s.State))
	case "hop-source":
		source(s)
	case "hop-sink":
		s.hears(sink(s))
	default:
		step, known := steps[s.Name]
		if !known {
			fmt.Fprintf(os.Stderr, "unknown service %q\n", s.Name)
			flag.Usage()
			os.Exit(2)
		}
		s.hears(step(s.State))
	}
}

func (s *Service) hears(step Step) { s.Step = &step }

// postOrder answers 202 once the broker has the event. The order's id is its idempotency key.
func (s *Service) postOrder() http.HandlerFunc {
	schema := compile(OrderCreated)
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		order, err := parse[Order](schema, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		err = s.Once(r.Context(), order.OrderID, func(ctx context.Context) error {
			created, err := s.State.create(ctx, order)
			if err != nil {
				return err
			}
			return s.Publish(ctx, *created)
		})
		answer(w, http.StatusAccepted, map[string]string{"orderId": order.OrderID}, err)
	}
}

// Once does nothing for an id that is marked, and takes the mark back if `do` fails.
func (s *Service) Once(ctx context.Context, id string, do func(context.Context) error) error {
	duplicate, err := s.State.IsDuplicate(ctx, id)
	if err != nil || duplicate {
		return err
	}
	if err := do(ctx); err != nil {
		// The request may be what was cancelled.
		if lost := s.State.Forget(context.WithoutCancel(ctx), id); lost != nil {
			log.Printf("%s stays marked: %v", id, lost)
		}
		return err
	}
	return nil
}

// Published is called by the bus after the broker has taken an event.
func (s *Service) Published(id string) {
	if s.Name != "fulfilment" {
		return
	}
	select {
	case s.shipped <- id[len(OrderShipped)+1:]:
	default: // nobody reads
	}
}

func (s *Service) streamShipped(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	control := http.NewResponseController(w)
	for len(s.shipped) > 0 {
		<-s.shipped
	}
	_ = control.Flush()
	for {
		select {
		case id := <-s.shipped:
			if _, err := fmt.Fprintln(w, id); err != nil {
				return
			}
			if len(s.shipped) == 0 {
				_ = control.Flush()
			}
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		}
	}
}

// Run serves until SIGTERM, then lets requests in flight end.
func (s *Service) Run(run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{Addr: s.address, Handler: s.Mux, ReadHeaderTimeout: 5 * time.Second}
	server.RegisterOnShutdown(func() { close(s.closing) })
	failed := make(chan error, 2)
	go func() { failed <- server.ListenAndServe() }()
	consumed := make(chan struct{})
	go func() {
		defer close(consumed)
		if err := run(ctx); err != nil {
			failed <- err
		}
	}()
	select {
	case err := <-failed:
		log.Fatal(err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		// Connections that never carried a request are waited for as well.
		_ = server.Close()
	}
	<-consumed
}

func answer(w http.ResponseWriter, status int, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
