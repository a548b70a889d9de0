//! Catalog says what is for sale and how it looks: an article as it is described, with its price and where it is to be had
//! as others have told of them.

mod domain;
mod view;

use axum::Json;
use axum::extract::{Path, State};
use events::common::Product as Described;
use events::http::catalog::{Discontinue, ProductPage};
use events::{catalog, pricing, warehouse};
use millrace::schema::{Document, EventType};
use millrace::{Accepted, App, Call, Checked, IdempotencyKey, Needs, Problem, Service};
use serde_json::{Value, json};

use domain::{Command, Product, Task};
use view::{Availability, Prices};

const MISSING: (u16, &str) = (404, "product_not_found");
/// Of one article that are shown.
const LOCATIONS: usize = 100;

const DESCRIBE: Call = Call::put("/products/{sku}", Needs::Right("products"), "describe product")
    .takes(ProductPage::SCHEMA, Some("ProductAccepted"));
const DISCONTINUE: Call = Call::post("/products/{sku}/discontinue", Needs::Right("products"), "discontinue product")
    .takes(Discontinue::SCHEMA, Some("ProductAccepted"))
    .refuses(&[MISSING]);
const SHOW: Call =
    Call::get("/products/{sku}", Needs::Caller, "show product").asks(&[], "ProductShown").refuses(&[MISSING]);

pub fn app() -> App {
    App::new("catalog")
        .view::<Prices, pricing::price::Event>()
        .view::<Availability, warehouse::stock::Event>()
        .answer(DESCRIBE, describe)
        .answer(DISCONTINUE, discontinue)
        .answer(SHOW, show)
        .openapi(include_str!("../openapi.json"))
}

async fn describe(
    State(service): State<Service>,
    key: IdempotencyKey,
    Path(sku): Path<String>,
    Checked(page): Checked<ProductPage>,
) -> Result<Accepted, Problem> {
    let ProductPage { name, category, description, locale, attributes, images } = page;
    let product = Described {
        name,
        category,
        description: description.unwrap_or_default(),
        locale: locale.unwrap_or_else(|| "en".to_owned()),
        attributes: attributes.unwrap_or_default(),
        images: images.unwrap_or_default(),
    };
    execute(&service, &key, sku, Task::Describe(Box::new(product))).await
}

async fn discontinue(
    State(service): State<Service>,
    key: IdempotencyKey,
    Path(sku): Path<String>,
    Checked(Discontinue { reason }): Checked<Discontinue>,
) -> Result<Accepted, Problem> {
    execute(&service, &key, sku, Task::Discontinue(reason)).await
}

async fn execute(service: &Service, key: &IdempotencyKey, sku: String, task: Task) -> Result<Accepted, Problem> {
    let (accepted, updated_at) = (Accepted::new(json!({ "sku": sku })), service.clock().rfc3339());
    // The path has no schema of its own; an event's knows what an article's number looks like.
    let named = json!({ "sku": sku, "reason": "x", "updatedAt": updated_at });
    (catalog::product::ProductDiscontinued::SCHEMA.schema.validate)(&named)?;
    service.execute(key, Command { sku, task, updated_at }, accepted).await
}

async fn show(State(service): State<Service>, Path(sku): Path<String>) -> Result<Json<Value>, Problem> {
    let Some(Product(Some(article))) = service.state(&sku, &sku).await? else {
        return Err(Problem::NotFound(MISSING.1));
    };
    let price = service.row::<Prices>(&sku, "").await?.and_then(|row| row.0);
    let rows = service.rows::<Availability>(&sku, "", LOCATIONS).await?;
    let availability: Value =
        rows.into_iter().map(|(location, row)| json!({ "locationId": location, "available": row.0 })).collect();
    let Described { name, category, description, locale, attributes, images } = article.product;
    Ok(Json(json!({
        "sku": sku, "name": name, "category": category, "description": description, "locale": locale,
        "attributes": attributes, "images": images, "status": article.status, "price": price,
        "availability": availability, "updatedAt": article.updated_at,
    })))
}
