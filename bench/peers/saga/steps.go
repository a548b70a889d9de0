package saga

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Step is what a service does with one event: what it hears, and the effect that answers with what it publishes.
type Step struct {
	Hears string
	// Answers is empty where nothing follows.
	Answers string
	Handle  func(context.Context, []byte) (*Event, error)
}

// steps of the services that hear something.
var steps = map[string]func(*State) Step{
	"inventory":  func(s *State) Step { return step(s, OrderCreated, InventoryReserved, s.reserve) },
	"payment":    func(s *State) Step { return step(s, InventoryReserved, PaymentCaptured, s.capture) },
	"shipping":   func(s *State) Step { return step(s, PaymentCaptured, ShipmentBooked, s.book) },
	"fulfilment": func(s *State) Step { return step(s, ShipmentBooked, OrderShipped, s.ship) },
}

func step[T any](s *State, hears, answers string, handle func(context.Context, T) (*Event, error)) Step {
	schema := compile(hears)
	return Step{hears, answers, func(ctx context.Context, payload []byte) (*Event, error) {
		value, err := parse[T](schema, payload)
		if err != nil {
			return nil, err
		}
		return handle(ctx, value)
	}}
}

func (s *State) create(ctx context.Context, order Order) (*Event, error) {
	sums := order.sums()
	err := s.apply(ctx, sums, func(pipe redis.Pipeliner) {
		pipe.HSet(ctx, s.record(order.OrderID), "customer", order.CustomerID, "channel", order.Channel,
			"cents", sums.TotalCents, "currency", sums.Currency, "placed", order.PlacedAt)
	})
	if err != nil {
		return nil, err
	}
	return event(OrderCreated, order.OrderID, order)
}

func (s *State) reserve(ctx context.Context, order Order) (*Event, error) {
	sums := order.sums()
	err := s.apply(ctx, sums, func(pipe redis.Pipeliner) {
		for _, line := range order.Lines {
			pipe.HIncrBy(ctx, s.service+":stock", line.SKU, -line.Quantity)
		}
		pipe.HSet(ctx, s.record(order.OrderID), "state", "reserved", "units", sums.Units)
	})
	if err != nil {
		return nil, err
	}
	return event(InventoryReserved, order.OrderID,
		Reservation{sums, order.CustomerID, order.PaymentMethod, order.ShippingAddress})
}

func (s *State) capture(ctx context.Context, of Reservation) (*Event, error) {
	id := "pay-" + of.OrderID
	err := s.apply(ctx, of.Sums, func(pipe redis.Pipeliner) {
		pipe.HIncrBy(ctx, s.service+":ledger", of.Currency, of.TotalCents)
		pipe.HSet(ctx, s.record(of.OrderID), "payment", id, "method", of.PaymentMethod, "cents", of.TotalCents)
	})
	if err != nil {
		return nil, err
	}
	return event(PaymentCaptured, of.OrderID, Payment{of.Sums, id, of.ShippingAddress})
}

func (s *State) book(ctx context.Context, of Payment) (*Event, error) {
	tracking := "trk-" + of.OrderID
	err := s.apply(ctx, of.Sums, func(pipe redis.Pipeliner) {
		pipe.HSet(ctx, s.record(of.OrderID), "tracking", tracking, "country", of.ShippingAddress.Country)
	})
	if err != nil {
		return nil, err
	}
	return event(ShipmentBooked, of.OrderID, Shipment{of.Sums, tracking})
}

func (s *State) ship(ctx context.Context, of Shipment) (*Event, error) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	err := s.apply(ctx, of.Sums, func(pipe redis.Pipeliner) {
		pipe.HSet(ctx, s.record(of.OrderID), "state", "shipped", "at", now)
	})
	if err != nil {
		return nil, err
	}
	return event(OrderShipped, of.OrderID, Shipped{of.Sums, of.TrackingNumber, now})
}
