//! What is read as what, and what is refused where.

use serde_json::json;

use super::*;

fn refused(text: &str) -> (String, String) {
    let Violation { pointer, message } = read(text.as_bytes()).expect_err(text);
    (pointer, message)
}

#[test]
fn what_is_well_formed_is_read_as_it_is() {
    for text in ["null", "true", "-7", "18446744073709551615", "0.5", r#""a\u00e9""#, "[]", r#"{"a":[{"b":{}}],"":1}"#]
    {
        assert_eq!(read(text.as_bytes()).expect(text), serde_json::from_str::<Value>(text).expect(text));
    }
}

#[test]
fn a_number_that_is_whole_is_an_integer_however_it_is_written() {
    for (text, whole) in [
        ("1.0", 1_i64),
        ("1e2", 100),
        ("-2.50E1", -25),
        ("0.0", 0),
        ("-0.0", 0),
        ("9007199254740991.0", 9_007_199_254_740_991),
        ("-9.007199254740991e15", -9_007_199_254_740_991),
    ] {
        assert_eq!(read(text.as_bytes()), Ok(json!(whole)), "{text}");
    }
    for text in ["1.5", "1e-2", "9007199254740993.0", "1e16", "-1e300"] {
        assert!(read(text.as_bytes()).expect(text).is_f64(), "{text}");
    }
}

#[test]
fn a_member_that_is_given_twice_is_named_at_every_depth() {
    for (text, pointer) in [
        (r#"{"a":1,"a":1}"#, "/a"),
        (r#"{"a":1,"b":{"c":[0,{"d":null,"e":2,"d":null}]}}"#, "/b/c/1/d"),
        (r#"{"a/b":{"~":1,"~":2}}"#, "/a~1b/~0"),
        (r#"{"a":1,"\u0061":2}"#, "/a"),
    ] {
        assert_eq!(refused(text), (pointer.to_owned(), "is given twice".to_owned()), "{text}");
    }
    assert!(read(br#"[{"a":1},{"a":1}]"#).is_ok(), "two objects");
}

#[test]
fn what_can_not_be_read_is_told_apart() {
    let too_large = |pointer: &str| (pointer.to_owned(), "is a number too large to be read".to_owned());
    assert_eq!(refused("1e400"), too_large(""));
    assert_eq!(refused(r#"{"a":[1,-1e999]}"#), too_large("/a/1"));
    assert_eq!(refused(&"[".repeat(1000)).1, "is nested too deep");
    for (text, at) in [("", "line 1, column 0"), ("{\n \"a\": x}", "line 2, column 7"), ("1 2", "line 1, column 3")] {
        assert_eq!(refused(text), (String::new(), format!("not JSON ({at})")));
    }
    for text in [r#""\ud800""#, "NaN", "01", "'a'", "{a:1}", "[1,]", "\"\u{1}\""] {
        assert!(refused(text).1.starts_with("not JSON"), "{text}");
    }
    assert!(read(b"\"\xff\"").is_err(), "no UTF-8");
}
