//! What a crash may leave of a file.

use std::fs;

use serde_json::{Value, json};

use super::*;
use crate::testing::Folder;

#[tokio::test]
async fn a_line_cut_off_by_a_crash_is_removed_and_the_next_stands_alone() {
    let folder = Folder::new("ledger");
    let path = folder.0.join("torn.ledger.jsonl");
    fs::write(&path, "{\"n\":1}\n{\"n\":2}\n{\"n\"").unwrap();
    assert_eq!(read::<Value>(&path).unwrap().0.len(), 2);
    let (ledger, entries) = FileLedger::open::<Value>(&path).unwrap();
    assert_eq!(entries, [json!({"n": 1}), json!({"n": 2})]);
    let (third, fourth) = (ledger.append(b"{\"n\":3}".to_vec()), ledger.append(b"{\"n\":4}".to_vec()));
    fourth.await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n");
    third.await.unwrap();
}

#[test]
fn a_whole_line_that_is_no_entry_is_named() {
    let folder = Folder::new("garbled");
    let path = folder.0.join("garbled.ledger.jsonl");
    fs::write(&path, "{\"n\":1}\nnonsense\n").unwrap();
    let error = read::<Value>(&path).unwrap_err();
    assert!(error.to_string().contains("garbled.ledger.jsonl line 2"), "{error}");
}
