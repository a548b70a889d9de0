//! Which changes of a released schema its readers survive.

use super::*;
use crate::root;

/// The released `payment.failed` after `edit`, as the lock sees the change.
fn change(edit: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut catalogue = Catalogue::read(&root()).expect("schemas are readable");
    let before = promises(&catalogue);
    let id = "urn:millrace:payment.failed:1";
    let file = catalogue.files.iter_mut().find(|file| file.id == id).expect("the event exists");
    edit(&mut file.json);
    breaks(&root(), &catalogue, &before).expect("services are readable")
}

#[test]
fn a_new_optional_field_is_compatible() {
    assert_eq!(
        change(|schema| schema["properties"]["note"] = serde_json::json!({ "type": "string", "maxLength": 9 })),
        [""; 0]
    );
}

#[test]
fn a_changed_description_is_compatible() {
    assert_eq!(change(|schema| schema["description"] = "Clearer.".into()), [""; 0]);
}

#[test]
fn a_new_required_field_breaks_and_says_what_to_do() {
    let breaks = change(|schema| {
        schema["properties"]["note"] = serde_json::json!({ "type": "string" });
        schema["required"].as_array_mut().expect("a list").push("note".into());
    });
    assert_eq!(breaks.len(), 1);
    for part in ["payment.failed:1", "required/note: is new", "read by: ", "failed.v2.json"] {
        assert!(breaks[0].contains(part), "{part} in {}", breaks[0]);
    }
}

#[test]
fn a_removed_field_a_new_reason_and_a_moved_reference_break() {
    let removed = change(|schema| {
        schema["properties"].as_object_mut().expect("an object").remove("reference");
    });
    assert!(removed[0].contains("properties/reference/$ref: was"), "{removed:?}");
    let reason =
        change(|schema| schema["properties"]["reason"]["enum"].as_array_mut().expect("a list").push("customer".into()));
    assert!(reason[0].contains("enum/customer: is new"), "{reason:?}");
    let moved = change(|schema| schema["properties"]["amount"]["$ref"] = "urn:millrace:common:amount:1".into());
    assert!(moved[0].contains("properties/amount/$ref: was"), "{moved:?}");
}

#[test]
fn bounds_may_widen_and_not_narrow() {
    let facts = |maximum: &str, minimum: &str| {
        Facts::from([("maximum".to_owned(), maximum.to_owned()), ("items/minimum".to_owned(), minimum.to_owned())])
    };
    assert!(incompatible(&facts("9", "1"), &facts("10", "0")).is_empty());
    assert_eq!(
        incompatible(&facts("9", "1"), &facts("8", "2")),
        ["items/minimum: was 1, is 2", "maximum: was 9, is 8"]
    );
}

#[test]
fn an_open_enum_may_grow_and_a_closed_one_not() {
    let open = Facts::from([("enum/a".to_owned(), "yes".to_owned()), ("x-open-enum".to_owned(), "true".to_owned())]);
    let closed = Facts::from([("enum/a".to_owned(), "yes".to_owned())]);
    let grown = |facts: &Facts| {
        let mut facts = facts.clone();
        facts.insert("enum/b".to_owned(), "yes".to_owned());
        facts
    };
    assert!(incompatible(&open, &grown(&open)).is_empty());
    assert_eq!(incompatible(&closed, &grown(&closed)), ["enum/b: is new (yes)"]);
}

#[test]
fn a_lock_reads_back_what_it_wrote() {
    let promises = promises(&Catalogue::read(&root()).expect("schemas are readable"));
    assert_eq!(parse(&render(&promises)), promises);
}
