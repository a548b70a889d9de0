//! The judge judged on files: each line of each ledger removed is one loss, each repeated is one double.

use serde_json::{Value, json};

use super::*;
use host::config::{CARRIER, HARBORPAY, SANDPAY};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("millrace-tally-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("ledgers")).unwrap();
        Self(path)
    }

    fn write(&self, ledger: &str, lines: &[Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(sandbox::judge::path(&self.0.join("ledgers"), ledger), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn booking(kind: &str, order: &str) -> Value {
    json!({ "id": "b", "kind": kind, "key": order, "reference": order, "orderId": order, "amount": 700,
            "currency": "EUR", "at": "", "settlesAtMs": 0 })
}

fn parcel(order: &str) -> Value {
    json!({ "id": "p", "trackingNumber": "t", "label": "l", "key": order, "at": "", "readyAtMs": 0,
            "reference": order, "orderId": order, "lines": [], "address": {} })
}

fn mail(order: &str, template: &str) -> Value {
    let id = format!("<{order}.{template}@millrace.example>");
    json!({ "messageId": id, "from": "", "to": "", "subject": "", "body": "", "at": "" })
}

fn answers() -> Vec<Answer> {
    let answer = |order: &str, status: &str| Answer {
        order_id: order.to_owned(),
        status: status.to_owned(),
        total: 700,
        is_right: true,
    };
    vec![answer("a", "fulfilled"), answer("b", "cancelled"), answer("c", "cancelled")]
}

/// `a` was sent, `b` refunded, `c` never charged.
fn books() -> Vec<(&'static str, Vec<Value>)> {
    let told = ["order_confirmed", "order_shipped", "order_delivered"].map(|template| mail("a", template));
    vec![
        (SANDPAY, vec![booking("capture", "a"), booking("decline", "c")]),
        (HARBORPAY, vec![booking("capture", "b"), booking("refund", "b")]),
        (CARRIER, vec![parcel("a")]),
        ("mailbox", told.into_iter().chain([mail("b", "order_cancelled"), mail("c", "order_cancelled")]).collect()),
    ]
}

async fn counts(folder: &Folder, answers: &[Answer]) -> (usize, usize) {
    let tally = read(answers, &folder.0).await.unwrap();
    (tally.lost.len(), tally.doubled.len())
}

/// Every line of every ledger, and what a change of it comes to.
async fn with_each_line(name: &str, change: impl Fn(&mut Vec<Value>, usize)) -> Vec<(String, (usize, usize))> {
    let folder = Folder::new(name);
    let mut found = Vec::new();
    for (ledger, lines) in books() {
        for line in 0..lines.len() {
            books().iter().for_each(|(ledger, lines)| folder.write(ledger, lines));
            let mut changed = lines.clone();
            change(&mut changed, line);
            folder.write(ledger, &changed);
            found.push((format!("{ledger} {}", lines[line]["kind"]), counts(&folder, &answers()).await));
        }
    }
    found
}

#[tokio::test]
async fn honest_books_have_nothing_lost_or_doubled() {
    let folder = Folder::new("honest");
    books().iter().for_each(|(ledger, lines)| folder.write(ledger, lines));
    assert_eq!(counts(&folder, &answers()).await, (0, 0));
}

#[tokio::test]
async fn each_line_removed_is_one_loss() {
    for (line, counts) in with_each_line("removed", |lines, line| drop(lines.remove(line))).await {
        let expected = if line.contains("decline") { (0, 0) } else { (1, 0) };
        assert_eq!(counts, expected, "{line}");
    }
}

#[tokio::test]
async fn each_line_repeated_is_one_double() {
    for (line, counts) in with_each_line("repeated", |lines, line| lines.push(lines[line].clone())).await {
        // A mail sent again has its Message-ID, and mailboxes show it once.
        let expected = if line.contains("decline") || line.starts_with("mailbox") { (0, 0) } else { (0, 1) };
        assert_eq!(counts, expected, "{line}");
    }
}

#[tokio::test]
async fn an_order_that_did_not_end_is_lost_and_one_nobody_placed_is_a_double() {
    let folder = Folder::new("open");
    books().iter().for_each(|(ledger, lines)| folder.write(ledger, lines));
    let mut open = answers();
    open[2] = Answer { status: "reserved".to_owned(), is_right: false, ..open[2].clone() };
    assert_eq!(counts(&folder, &open).await, (1, 0));
    assert_eq!(counts(&folder, &answers()[1..]).await, (0, 2));
}
