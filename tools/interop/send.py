"""Sends CloudEvents made by the official SDK, in each mode of HTTP, to the address that is given."""

import sys
from datetime import datetime, timezone
from urllib.request import Request, urlopen

from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent


def event(name):
    attributes = {
        "id": name,
        "source": "https://partner.example/py",
        "type": "example.partner.counted",
        "subject": "shelf 7, müsli",
        "time": datetime(2026, 11, 21, 2, 0, 0, 500000, tzinfo=timezone.utc),
        "datacontenttype": "application/json",
        "partitionkey": "SKU-001",
    }
    return CloudEvent(attributes=attributes, data={"sku": "SKU-001", "note": "Grüße", "count": 12})


def send(headers, body):
    with urlopen(Request(sys.argv[1], data=body, headers=headers)) as answer:
        assert answer.status == 204, answer.status


for message in http.to_structured_event(event("structured")), http.to_binary_event(event("binary")):
    send(message.headers, message.body)
# The SDK has the format of one event; the list around it is JSON.
batch = [JSONFormat().write(event(name)) for name in ("batch-1", "batch-2")]
batch = [part if isinstance(part, bytes) else part.encode() for part in batch]
send({"content-type": "application/cloudevents-batch+json"}, b"[" + b",".join(batch) + b"]")
