//! An article in the catalogue. Pure: when it was changed comes with the command.

use events::catalog::product::{Event, ProductCreated, ProductDiscontinued, ProductUpdated};
use events::common::Product as Described;
use millrace::{Aggregate, Decider, Rejected};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone)]
pub struct Command {
    pub sku: String,
    pub task: Task,
    pub updated_at: String,
}

#[derive(Debug, Clone)]
pub enum Task {
    /// Says all of it anew; one that was discontinued is sold again.
    Describe(Box<Described>),
    /// For this reason.
    Discontinue(String),
}

impl millrace::Command for Command {
    type Decider = Product;
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Product(pub Option<Article>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Article {
    pub product: Described,
    pub status: Status,
    pub updated_at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Active,
    Discontinued,
}

impl Aggregate for Product {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        match (event, &mut self.0) {
            (
                Event::Created(ProductCreated { product, updated_at, .. })
                | Event::Updated(ProductUpdated { product, updated_at, .. }),
                article,
            ) => {
                let (product, updated_at) = (product.clone(), updated_at.clone());
                *article = Some(Article { product, status: Status::Active, updated_at });
            }
            (Event::Discontinued(ProductDiscontinued { updated_at, .. }), Some(article)) => {
                (article.status, article.updated_at) = (Status::Discontinued, updated_at.clone());
            }
            (Event::Discontinued(_), None) => {}
        }
    }
}

impl Decider for Product {
    type Command = Command;
    type Rejection = Rejected;

    fn stream(command: &Command) -> String {
        command.sku.clone()
    }

    fn decide(&self, Command { sku, task, updated_at }: Command) -> Result<Vec<Event>, Rejected> {
        let status = self.0.as_ref().map(|article| article.status);
        Ok(match (&self.0, task) {
            (None, Task::Describe(product)) => vec![ProductCreated { sku, product: *product, updated_at }.into()],
            (Some(article), Task::Describe(product))
                if status == Some(Status::Active) && article.product == *product =>
            {
                Vec::new()
            }
            (Some(_), Task::Describe(product)) => vec![ProductUpdated { sku, product: *product, updated_at }.into()],
            // It may be described later, so the refusal is not kept for the key.
            (None, Task::Discontinue(_)) => {
                return Err(Rejected::not_found("product_not_found", "there is no such product").transient());
            }
            (Some(_), Task::Discontinue(_)) if status == Some(Status::Discontinued) => Vec::new(),
            (Some(_), Task::Discontinue(reason)) => vec![ProductDiscontinued { sku, reason, updated_at }.into()],
        })
    }
}

#[cfg(test)]
mod tests;
