//! The RFC's own vectors, and which requests are the same.

use super::*;

/// Of the reference implementation that RFC 8785 names.
const VECTORS: [(&str, &str); 6] = [
    (include_str!("vectors/arrays.input.json"), include_str!("vectors/arrays.output.json")),
    (include_str!("vectors/french.input.json"), include_str!("vectors/french.output.json")),
    (include_str!("vectors/structures.input.json"), include_str!("vectors/structures.output.json")),
    (include_str!("vectors/unicode.input.json"), include_str!("vectors/unicode.output.json")),
    (include_str!("vectors/values.input.json"), include_str!("vectors/values.output.json")),
    (include_str!("vectors/weird.input.json"), include_str!("vectors/weird.output.json")),
];

/// RFC 8785, appendix B: a double's bits, and how it is written.
const NUMBERS: [(u64, &str); 24] = [
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

fn of(body: &str) -> Fingerprint {
    Fingerprint::of(Some("application/json"), body.as_bytes())
}

fn is_the_same(one: &str, other: &str) -> bool {
    let (stored, asked) = (of(one), of(other));
    assert_eq!(asked.is_of(&stored.text()), stored.is_of(&asked.text()), "{one} {other}");
    assert_eq!(asked.is_of(&stored.text()), asked.is_same(&stored.bytes, stored.canonical.as_deref()), "{one} {other}");
    asked.is_of(&stored.text())
}

#[test]
fn the_vectors_of_the_standard_are_written_as_published() {
    for (input, output) in VECTORS {
        let written = canonical(input.as_bytes()).expect(input);
        assert_eq!(String::from_utf8(written).expect("text"), output.trim_end());
    }
    for (bits, output) in NUMBERS {
        let input = format!("{:e}", f64::from_bits(bits));
        assert_eq!(canonical(input.as_bytes()).map(String::from_utf8), Some(Ok(output.to_owned())), "{input}");
    }
}

#[test]
fn what_says_the_same_in_other_words_is_the_same_request() {
    let said = r#"{"a":[1,0.5,"é"],"b":{"c":null}}"#;
    for again in [
        said,
        r#"{"b":{"c":null},"a":[1,0.5,"é"]}"#,
        "\n{ \"a\" : [ 1 , 0.5 , \"é\" ] ,\t\"b\" : { \"c\" : null } }\r\n",
        r#"{"a":[1.0,5e-1,"\u00e9"],"b":{"c":null}}"#,
    ] {
        assert!(is_the_same(said, again), "{again}");
    }
    for other in [
        r#"{"a":[0.5,1,"é"],"b":{"c":null}}"#,
        r#"{"a":[1,0.5,"é"],"b":{}}"#,
        r#"{"a":["1",0.5,"é"],"b":{"c":null}}"#,
        r#"{"a":[1,0.5,"e\u0301"],"b":{"c":null}}"#,
    ] {
        assert!(!is_the_same(said, other), "{other}");
    }
}

#[test]
fn what_a_double_can_not_tell_apart_is_told_by_its_bytes() {
    let (even, odd) = ("[9007199254740992]", "[9007199254740993]");
    assert!(!is_the_same(even, odd), "two numbers to us, though one double");
    assert!(is_the_same(odd, odd) && !is_the_same(odd, "[ 9007199254740993]"));
    assert!(is_the_same("[9007199254740991]", "[ 9007199254740991.0 ]"));
    assert!(!is_the_same("[18446744073709551615]", "[18446744073709551614]"));
}

#[test]
fn what_is_no_json_is_told_by_its_bytes() {
    for body in ["", "{", r#"{"a":1,"a":2}"#, "1e400"] {
        assert!(is_the_same(body, body), "{body}");
        assert!(!is_the_same(body, &format!("{body} ")), "{body}");
    }
    let csv = |body: &str| Fingerprint::of(Some("text/csv; header=absent"), body.as_bytes());
    assert!(!csv("1.0").is_of(&csv("1").text()));
    for media_type in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", "text/json"] {
        assert!(Fingerprint::of(Some(media_type), b"{ }").is_of(&of("{}").text()), "{media_type}");
    }
    assert!(Fingerprint::of(None, b"{ }").is_of(&of("{}").text()));
}

#[test]
fn what_an_older_release_stored_is_still_found() {
    let stored = sha256_hex(b"{ \"a\": 1 }");
    assert!(of("{ \"a\": 1 }").is_of(&stored));
    assert!(of("{ \"a\": 1 }").is_same(&stored, None));
    assert!(!of("{\"a\":1}").is_of(&stored), "it kept nothing to know that by");
    assert!(!of("{\"a\":2}").is_of(&stored));
}
