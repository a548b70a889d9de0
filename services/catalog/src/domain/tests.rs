//! An article's life in the catalogue.

use events::catalog::product::{ProductCreated, ProductDiscontinued, ProductUpdated};
use events::common::Product as Described;
use millrace::Aggregate;
use millrace::testing::{given, nothing};

use super::{Command, Product, Status, Task};

const SKU: &str = "SKU-001";
const BEFORE: &str = "2026-01-01T00:00:00Z";
const NOW: &str = "2026-02-01T00:00:00Z";

fn mill(name: &str) -> Described {
    Described {
        name: name.into(),
        category: "mills".into(),
        description: String::new(),
        locale: "en".into(),
        attributes: [("colour".to_owned(), "grey".to_owned())].into(),
        images: Vec::new(),
    }
}

fn command(task: Task) -> Command {
    Command { sku: SKU.into(), task, updated_at: NOW.into() }
}

fn describe(name: &str) -> Command {
    command(Task::Describe(Box::new(mill(name))))
}

fn discontinue() -> Command {
    command(Task::Discontinue("Worn out.".into()))
}

fn created() -> ProductCreated {
    ProductCreated { sku: SKU.into(), product: mill("Hand mill"), updated_at: BEFORE.into() }
}

fn discontinued(at: &str) -> ProductDiscontinued {
    ProductDiscontinued { sku: SKU.into(), reason: "Worn out.".into(), updated_at: at.into() }
}

#[test]
fn an_article_described_for_the_first_time_is_created() {
    let created = ProductCreated { updated_at: NOW.into(), ..created() };
    nothing().when(describe("Hand mill")).then::<Product>(SKU, [created]).then_nothing_else();
}

#[test]
fn one_described_otherwise_is_updated_and_one_described_the_same_is_not() {
    let updated = ProductUpdated { sku: SKU.into(), product: mill("Table mill"), updated_at: NOW.into() };
    given::<Product>(SKU, [created()]).when(describe("Table mill")).then::<Product>(SKU, [updated]).then_nothing_else();
    given::<Product>(SKU, [created()]).when(describe("Hand mill")).then_nothing_else();
}

#[test]
fn one_is_discontinued_once() {
    given::<Product>(SKU, [created()])
        .when(discontinue())
        .then::<Product>(SKU, [discontinued(NOW)])
        .then_nothing_else();
    let mut product = Product::default();
    product.evolve(&created().into());
    product.evolve(&discontinued(NOW).into());
    let article = product.0.as_ref().expect("an article");
    assert_eq!((article.status, article.updated_at.as_str()), (Status::Discontinued, NOW));
}

#[test]
fn what_was_discontinued_stays_so_until_it_is_described_again() {
    let past = || -> [events::catalog::product::Event; 2] { [created().into(), discontinued(BEFORE).into()] };
    given::<Product>(SKU, past()).when(discontinue()).then_nothing_else();
    let updated = ProductUpdated { sku: SKU.into(), product: mill("Hand mill"), updated_at: NOW.into() };
    given::<Product>(SKU, past()).when(describe("Hand mill")).then::<Product>(SKU, [updated]).then_nothing_else();
}

#[test]
fn what_is_not_there_can_not_be_discontinued() {
    nothing().when(discontinue()).then_rejected("product_not_found");
}
