package saga

// Topics, in the order an order passes them.
const (
	OrderCreated      = "order.created"
	InventoryReserved = "inventory.reserved"
	PaymentCaptured   = "payment.captured"
	ShipmentBooked    = "shipment.booked"
	OrderShipped      = "order.shipped"
	Hop               = "hop"
)

// Event is what a bus carries. The id is the business key of what happened, so that an event that is published again
// after a failure has the same one.
type Event struct {
	Topic   string
	ID      string
	Payload []byte
}

// Order is both the body of POST /orders and the payload of order.created.
type Order struct {
	OrderID         string  `json:"orderId"`
	CustomerID      string  `json:"customerId"`
	Email           string  `json:"email"`
	Channel         string  `json:"channel"`
	Currency        string  `json:"currency"`
	Lines           []Line  `json:"lines"`
	TotalCents      int64   `json:"totalCents"`
	PaymentMethod   string  `json:"paymentMethod"`
	ShippingAddress Address `json:"shippingAddress"`
	PlacedAt        string  `json:"placedAt"`
}

type Line struct {
	SKU            string `json:"sku"`
	Quantity       int64  `json:"quantity"`
	UnitPriceCents int64  `json:"unitPriceCents"`
}

type Address struct {
	Name     string `json:"name"`
	Street   string `json:"street"`
	City     string `json:"city"`
	Postcode string `json:"postcode"`
	Country  string `json:"country"`
}

// Sums is what every event tells of its order; services add it up.
type Sums struct {
	OrderID    string `json:"orderId"`
	Units      int64  `json:"units"`
	TotalCents int64  `json:"totalCents"`
	Currency   string `json:"currency"`
}

// Reservation is the payload of inventory.reserved.
type Reservation struct {
	Sums
	CustomerID      string  `json:"customerId"`
	PaymentMethod   string  `json:"paymentMethod"`
	ShippingAddress Address `json:"shippingAddress"`
}

// Payment is the payload of payment.captured.
type Payment struct {
	Sums
	PaymentID       string  `json:"paymentId"`
	ShippingAddress Address `json:"shippingAddress"`
}

// Shipment is the payload of shipment.booked.
type Shipment struct {
	Sums
	TrackingNumber string `json:"trackingNumber"`
}

// Shipped is the payload of order.shipped.
type Shipped struct {
	Sums
	TrackingNumber string `json:"trackingNumber"`
	ShippedAt      string `json:"shippedAt"`
}

func (o Order) sums() Sums {
	sums := Sums{OrderID: o.OrderID, TotalCents: o.TotalCents, Currency: o.Currency}
	for _, line := range o.Lines {
		sums.Units += line.Quantity
	}
	return sums
}
