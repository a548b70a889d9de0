// Sends CloudEvents made by the official SDK, in each mode of HTTP, to the address that is given.
import { CloudEvent, HTTP } from "cloudevents";

const event = (id) =>
  new CloudEvent({
    id,
    source: "https://partner.example/js",
    type: "example.partner.counted",
    // Headers of this SDK are not escaped.
    subject: "shelf 7",
    time: "2026-11-21T02:00:00.500Z",
    datacontenttype: "application/json",
    partitionkey: "SKU-001",
    data: { sku: "SKU-001", note: "Grüße", count: 12 },
  });

const send = async ({ headers, body }) => {
  const answer = await fetch(process.argv[2], { method: "POST", headers, body });
  if (answer.status !== 204) throw new Error(`${answer.status} ${await answer.text()}`);
};

await send(HTTP.structured(event("structured")));
await send(HTTP.binary(event("binary")));
const batch = ["batch-1", "batch-2"].map(event);
await send({ headers: { "content-type": "application/cloudevents-batch+json" }, body: JSON.stringify(batch) });
