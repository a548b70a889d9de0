// Command watermill is the saga on Watermill's Redis Streams, without a sidecar.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/redis/go-redis/v9"

	"peers/saga"
)

// A subscriber has one message in its hands at a time; more of them in the group is how Watermill scales.
var consumers = flag.Int("consumers", 8, "subscribers of this process")

func main() {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	logger := watermill.NewSlogLogger(nil)
	service := saga.New()

	publisher, err := redisstream.NewPublisher(
		redisstream.PublisherConfig{Client: connect(service)}, logger)
	if err != nil {
		log.Fatal(err)
	}
	service.Publish = func(ctx context.Context, event saga.Event) error {
		return publisher.Publish(event.Topic, outgoing(ctx, event))
	}
	if service.Step == nil {
		service.Ready = func(ctx context.Context) bool { return service.State.Ping(ctx) == nil }
		service.Run(func(ctx context.Context) error { <-ctx.Done(); return nil })
		return
	}
	router, err := route(service, publisher, logger)
	if err != nil {
		log.Fatal(err)
	}
	service.Ready = func(context.Context) bool { return router.IsRunning() }
	service.Run(router.Run)
}

func connect(service *saga.Service) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: service.Redis})
}

func route(service *saga.Service, publisher message.Publisher, logger watermill.LoggerAdapter) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, logger)
	if err != nil {
		return nil, err
	}
	invalid := func(err error) bool { return errors.Is(err, saga.ErrInvalid) }
	poison, err := middleware.PoisonQueueWithFilter(publisher, service.Name+".poison", invalid)
	if err != nil {
		return nil, err
	}
	deduplicator := middleware.Deduplicator{
		KeyFactory: func(m *message.Message) (string, error) { return m.UUID, nil },
		Repository: service.State,
		Timeout:    5 * time.Second,
	}
	retry := middleware.Retry{
		MaxRetries: 10, InitialInterval: 100 * time.Millisecond, Multiplier: 2, MaxInterval: 2 * time.Second,
		ShouldRetry: func(p middleware.RetryParams) bool { return !invalid(p.Err) }, Logger: logger,
	}
	// The first is the outermost: a retry must not meet the mark that its own first try has set.
	router.AddMiddleware(received(service), poison, deduplicator.Middleware, retry.Middleware, middleware.Recoverer)
	router.AddPublisherDecorators(func(inner message.Publisher) (message.Publisher, error) {
		return announcing{inner, service}, nil
	})
	for n := range *consumers {
		subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
			Client:        connect(service),
			ConsumerGroup: service.Name,
			Consumer:      fmt.Sprintf("%s-%d", service.Name, n),
			// The first read would otherwise block for ever and outlive SIGTERM.
			DisableIndefiniteInitialBlock: true,
			// Polls of an idle consumer cost Redis and the process CPU; 100 ms is the default.
			BlockTime: time.Second,
			// After a crash its messages come back after this; the default of a minute would be most of a run.
			MaxIdleTime: 15 * time.Second,
		}, logger)
		if err != nil {
			return nil, err
		}
		handle(router, service, fmt.Sprintf("%s-%d", service.Name, n), subscriber, publisher)
	}
	return router, nil
}

func handle(router *message.Router, service *saga.Service, name string, subscriber message.Subscriber, publisher message.Publisher) {
	step := service.Step
	if step.Answers == "" {
		router.AddConsumerHandler(name, step.Hears, subscriber, func(m *message.Message) error {
			_, err := step.Handle(m.Context(), m.Payload)
			return err
		})
		return
	}
	router.AddHandler(name, step.Hears, subscriber, step.Answers, publisher,
		func(m *message.Message) ([]*message.Message, error) {
			next, err := step.Handle(m.Context(), m.Payload)
			if err != nil {
				return nil, err
			}
			return []*message.Message{outgoing(m.Context(), *next)}, nil
		})
}

func outgoing(ctx context.Context, event saga.Event) *message.Message {
	return message.NewMessageWithContext(ctx, event.ID, event.Payload)
}

// received counts a delivery and lets it end what it begins: the subscriber cancels its messages' contexts at SIGTERM,
// between the mark and the publish as well.
func received(service *saga.Service) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(m *message.Message) ([]*message.Message, error) {
			service.Delivered.Add(1)
			m.SetContext(context.WithoutCancel(m.Context()))
			return next(m)
		}
	}
}

// announcing tells the service what the broker has taken.
type announcing struct {
	message.Publisher
	service *saga.Service
}

func (a announcing) Publish(topic string, messages ...*message.Message) error {
	if err := a.Publisher.Publish(topic, messages...); err != nil {
		return err
	}
	for _, m := range messages {
		a.service.Published(m.UUID)
	}
	return nil
}

// Close does nothing: the handlers share one publisher, and the first that ends would close it under the others'
// messages. It ends with the process.
func (a announcing) Close() error { return nil }
