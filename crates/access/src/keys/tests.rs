//! Lists of keys.

use millrace::Needs;
use serde_json::{Value, json};

use super::{InvalidKeys, Keys, hash};
use crate::Rights;

fn known() -> Rights {
    [Needs::Own("orders"), Needs::Right("stock"), Needs::Caller, Needs::Signature].into_iter().collect()
}

fn keys() -> Value {
    json!([
        { "id": "web", "sha256": [hash("mr_customer")], "user": "u-1", "rights": ["orders"], "perMinute": 3 },
        { "id": "ops", "sha256": [hash("mr_staff")], "rights": ["all_orders", "stock"] },
    ])
}

#[test]
fn a_list_of_keys_that_would_let_in_more_than_was_meant_is_refused() {
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut keys = keys();
        change(&mut keys);
        Keys::from_json(&keys.to_string(), &known()).err().unwrap_or_else(|| panic!("{keys:#}"))
    };
    assert!(matches!(wrong(&|keys| keys[0]["user"] = Value::Null), InvalidKeys::Key(id, _) if id == "web"));
    assert!(matches!(wrong(&|keys| keys[1]["user"] = json!("u-1")), InvalidKeys::Key(..)));
    assert!(matches!(wrong(&|keys| keys[0]["rights"] = json!(["orders", "all_orders"])), InvalidKeys::Key(..)));
    let unknown = wrong(&|keys| keys[1]["rights"] = json!(["everything"])).to_string();
    assert_eq!(unknown, r#"key "ops": "everything" is no right; rights are orders, all_orders, stock"#);
    assert!(matches!(wrong(&|keys| keys[0]["id"] = json!("anonymous")), InvalidKeys::Key(..)));
    assert!(matches!(wrong(&|keys| keys[0]["id"] = json!("token:u-1")), InvalidKeys::Key(..)));
    assert!(matches!(wrong(&|keys| keys[0]["sha256"] = json!(["mr_customer"])), InvalidKeys::Key(..)));
    assert!(matches!(wrong(&|keys| keys[0]["sha256"] = keys[1]["sha256"].clone()), InvalidKeys::Key(..)));
    assert!(matches!(wrong(&|keys| keys[0]["sha256"] = json!([hash("")])), InvalidKeys::Key(id, _) if id == "web"));
    assert!(matches!(wrong(&|keys| keys[0]["perMinute"] = json!(0)), InvalidKeys::Key(..)));
    assert!(matches!(wrong(&|keys| keys[0]["key"] = json!("mr_customer")), InvalidKeys::Form(_)));
    assert!(Keys::from_json(&keys().to_string(), &known()).is_ok());
}
