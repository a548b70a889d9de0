// Command dapr-go is the saga on Dapr's pub/sub over HTTP: five services, each behind a daprd.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"peers/saga"
)

const pubsub = "pubsub"

// connections kept to the sidecar: net/http keeps two a host, and a third publish at a time would dial each time.
const connections = 256

var (
	daprPort = flag.Int("dapr-http-port", 3500, "port of this service's daprd")
	bulk     = flag.Bool("bulk", false, "subscribe in bulk: up to 100 events a delivery, gathered for 5 ms")
)

// Answers to a delivery: docs.dapr.io/reference/api/pubsub_api.
const (
	success = "SUCCESS"
	retry   = "RETRY"
	drop    = "DROP"
)

type sidecar struct {
	client *http.Client
	base   string
}

func main() {
	service := saga.New()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = connections, connections
	dapr := sidecar{
		client: &http.Client{Transport: transport, Timeout: 10 * time.Second},
		base:   fmt.Sprintf("http://127.0.0.1:%d/v1.0", *daprPort),
	}
	service.Publish = dapr.publish

	var subscribed atomic.Bool
	subscribed.Store(service.Step == nil)
	service.Mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(subscriptions(service))
		subscribed.Store(true)
	})
	if service.Step != nil {
		handler := single(service)
		if *bulk {
			handler = inBulk(service)
		}
		service.Mux.HandleFunc("POST "+route(service), handler)
	}
	service.Ready = func(ctx context.Context) bool { return subscribed.Load() && dapr.healthy(ctx) }
	service.Run(func(ctx context.Context) error { <-ctx.Done(); return nil })
}

func route(service *saga.Service) string { return "/events/" + service.Step.Hears }

func subscriptions(service *saga.Service) []map[string]any {
	if service.Step == nil {
		return []map[string]any{}
	}
	subscription := map[string]any{
		"pubsubname":      pubsub,
		"topic":           service.Step.Hears,
		"route":           route(service),
		"deadLetterTopic": service.Name + ".poison",
	}
	if *bulk {
		subscription["bulkSubscribe"] = map[string]any{
			"enabled": true, "maxMessagesCount": 100, "maxAwaitDurationMs": 5,
		}
	}
	return []map[string]any{subscription}
}

type cloudEvent struct {
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"`
}

type verdict struct {
	EntryID string `json:"entryId,omitempty"`
	Status  string `json:"status"`
}

func single(service *saga.Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var event cloudEvent
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			respond(w, verdict{Status: drop})
			return
		}
		respond(w, verdict{Status: deliver(r.Context(), service, event)})
	}
}

func inBulk(service *saga.Service) http.HandlerFunc {
	type entry struct {
		EntryID string     `json:"entryId"`
		Event   cloudEvent `json:"event"`
	}
	return func(w http.ResponseWriter, r *http.Request) {
		var batch struct {
			Entries []entry `json:"entries"`
		}
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		verdicts := make([]verdict, len(batch.Entries))
		var all sync.WaitGroup
		for n, entry := range batch.Entries {
			all.Go(func() {
				verdicts[n] = verdict{entry.EntryID, deliver(r.Context(), service, entry.Event)}
			})
		}
		all.Wait()
		respond(w, map[string]any{"statuses": verdicts})
	}
}

func deliver(ctx context.Context, service *saga.Service, event cloudEvent) string {
	service.Delivered.Add(1)
	err := service.Once(ctx, event.ID, func(ctx context.Context) error {
		return handle(ctx, service, event.Data)
	})
	if err == nil {
		return success
	}
	log.Printf("%s: %v", event.ID, err)
	if errors.Is(err, saga.ErrInvalid) {
		return drop
	}
	return retry
}

func respond(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func handle(ctx context.Context, service *saga.Service, data []byte) error {
	next, err := service.Step.Handle(ctx, data)
	if err != nil || next == nil {
		return err
	}
	if err := service.Publish(ctx, *next); err != nil {
		return err
	}
	service.Published(next.ID)
	return nil
}

// publish lets daprd wrap the payload in a CloudEvent with an id of ours.
func (d sidecar) publish(ctx context.Context, event saga.Event) error {
	address := fmt.Sprintf("%s/publish/%s/%s?metadata.cloudevent.id=%s",
		d.base, pubsub, url.PathEscape(event.Topic), url.QueryEscape(event.ID))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(event.Payload))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	return d.do(request)
}

func (d sidecar) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/healthz", nil)
	return err == nil && d.do(request) == nil
}

func (d sidecar) do(request *http.Request) error {
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s: %d %s", request.URL.Path, response.StatusCode, body)
	}
	return nil
}
