package saga

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// markTTL outlives every redelivery a broker here makes.
const markTTL = time.Hour

// State is one service's own data in Redis. Every key begins with the service's name.
type State struct {
	service string
	redis   *redis.Client
}

// IsDuplicate marks an id and says whether it had been marked before. It is the repository that Watermill's
// Deduplicator asks for, and the usual recipe on Dapr: marked first, then handled, so of two copies at the same time one
// is handled.
func (s *State) IsDuplicate(ctx context.Context, id string) (bool, error) {
	err := s.redis.SetArgs(ctx, s.mark(id), 1, redis.SetArgs{Mode: "NX", TTL: markTTL}).Err()
	if errors.Is(err, redis.Nil) {
		return true, nil
	}
	return false, err
}

// Forget takes a mark back, for the next delivery of what could not be handled.
func (s *State) Forget(ctx context.Context, id string) error {
	return s.redis.Del(ctx, s.mark(id)).Err()
}

func (s *State) mark(id string) string { return s.service + ":seen:" + id }

// apply writes one effect, and adds it to the totals, in one round trip.
func (s *State) apply(ctx context.Context, sums Sums, effect func(redis.Pipeliner)) error {
	_, err := s.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		effect(pipe)
		totals := s.service + ":totals"
		pipe.HIncrBy(ctx, totals, "orders", 1)
		pipe.HIncrBy(ctx, totals, "units", sums.Units)
		pipe.HIncrBy(ctx, totals, "cents", sums.TotalCents)
		return nil
	})
	return err
}

// record is the hash of one order in this service.
func (s *State) record(orderID string) string { return s.service + ":" + orderID }

// Totals are counted with each effect, so that a lost one and a double one show.
type Totals struct {
	Orders int64 `json:"orders" redis:"orders"`
	Units  int64 `json:"units" redis:"units"`
	Cents  int64 `json:"cents" redis:"cents"`
}

func (s *State) totals(ctx context.Context) (Totals, error) {
	var totals Totals
	err := s.redis.HGetAll(ctx, s.service+":totals").Scan(&totals)
	return totals, err
}

// Ping says whether Redis can be reached.
func (s *State) Ping(ctx context.Context) error { return s.redis.Ping(ctx).Err() }

func event(topic, orderID string, payload any) (*Event, error) {
	bytes, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	return &Event{Topic: topic, ID: topic + "/" + orderID, Payload: bytes}, nil
}
