//! Each check against a violation planted for it, and against the nearest thing that is none.

use serde_json::{Value, json};
use xtask::graph::Crate;

use crate::source::Check;
use crate::tree::{File, code};
use crate::{budget, graph, maps, modules, source};

const SERVICE: &str = "services/orders/src/lib.rs";
const FRAMEWORK: &str = "crates/millrace/src/delivery/lane.rs";
const TEST: &str = "crates/millrace/tests/pipeline.rs";

#[track_caller]
fn finds(check: Check, path: &str, bad: &str, good: &str) {
    assert_eq!(check(&File::new(path, bad)).len(), 1, "once in {bad:?}");
    assert_eq!(check(&File::new(path, good)), Vec::<String>::new(), "not in {good:?}");
}

#[test]
fn a_long_file_is_found() {
    finds(source::is_short, FRAMEWORK, &"\n".repeat(301), &"\n".repeat(300));
    finds(source::is_short, TEST, &"\n".repeat(501), &"\n".repeat(500));
    finds(source::is_short, "crates/events/src/orders.rs", &"\n".repeat(501), &"\n".repeat(500));
}

#[test]
fn a_file_that_does_not_say_what_it_is_for_is_found() {
    finds(source::says_what_it_is_for, SERVICE, "use std::fmt;", "//! Orders.\n");
}

#[test]
fn a_long_function_is_found() {
    let function =
        |lines: usize| format!("    pub async fn f(a: [u8; 2]) {{\n{}    }}\nfn g();\n", "    x;\n".repeat(lines));
    finds(source::has_short_functions, SERVICE, &function(59), &function(58));
    // Braces in literals and comments close nothing.
    let literal = format!("fn f() {{\n    let a = \"}}\"; // }}\n{}}}\n", "    x;\n".repeat(59));
    assert_eq!(source::has_short_functions(&File::new(SERVICE, literal)).len(), 1);
}

#[test]
fn an_event_named_by_hand_is_found() {
    let good = r#"let name = OrderCreated::SCHEMA.name; let code = "order_not_found";"#;
    finds(source::names_no_event, SERVICE, r#"let name = "orders.order.created";"#, good);
    finds(source::names_no_event, SERVICE, r#"hears("payment.processed")"#, r#"get("localhost.example")"#);
}

#[test]
fn a_crate_that_does_not_forbid_unsafe_code_is_found() {
    finds(source::forbids_unsafe_code, "crates/a/Cargo.toml", "[lints]\n[package]", "[lints]\nworkspace = true\n");
    finds(source::forbids_unsafe_code, "Cargo.toml", "unsafe_code = \"deny\"", "unsafe_code = \"forbid\"");
}

#[test]
fn a_task_that_nobody_owns_is_found() {
    let good = "service.tasks().spawn(task); // never tokio::spawn";
    finds(source::spawns_only_where_allowed, SERVICE, "tokio::spawn(task);", good);
    finds(source::spawns_only_where_allowed, FRAMEWORK, "std::thread::spawn(run);", good);
    assert!(source::spawns_only_where_allowed(&File::new("crates/cli/src/up.rs", "tokio::spawn(task);")).is_empty());
}

#[test]
fn a_select_without_order_is_found() {
    let good = "tokio::select! {\n    biased;\n    () = a => {}\n}";
    finds(source::selects_in_order, FRAMEWORK, "tokio::select! {\n    () = a => {}\n}", good);
}

#[test]
fn a_silenced_lint_and_an_ignored_test_are_found() {
    let good = "#[expect(dead_code, reason = \"#[allow( in a literal\")]";
    finds(source::silences_nothing, SERVICE, "#[allow(dead_code)]", good);
    finds(source::silences_nothing, TEST, "#[test]\n#[ignore]\nfn f() {}", "#[test]\nfn f() {}");
}

#[test]
fn what_is_left_for_later_is_found() {
    finds(source::leaves_nothing_for_later, SERVICE, "// TODO: the rest", "// nothing to do");
    finds(source::leaves_nothing_for_later, SERVICE, "fn f() { todo!() }", "fn f() {}");
    finds(source::leaves_nothing_for_later, "README.md", "FIXME", "fixed");
}

#[test]
fn a_test_that_sleeps_is_found() {
    let good = "shop.clock.sleep(a_while).await; service.clock().sleep(a_while).await;";
    finds(source::sleeps_in_simulated_time, TEST, "tokio::time::sleep(a_while).await;", good);
    finds(
        source::sleeps_in_simulated_time,
        TEST,
        "sleep(a_while).await;",
        "#[tokio::test(start_paused = true)]\nsleep(a);",
    );
}

#[test]
fn a_machine_is_found() {
    finds(source::names_no_machine, "README.md", "see /work/main", "see crates/millrace/src/delivery/executor.rs");
    finds(source::names_no_machine, "Makefile", "export A=/root/.cache", "export A=$(HOME)/root/.cache");
    finds(source::names_no_machine, "dapr.yaml", "https://index.crates.io/", "https://docs.rs/");
}

#[test]
fn a_walk_through_a_hash_is_found() {
    let field = "struct S {\n    young: Mutex<HashMap<u8, u8>>,\n}\n";
    let walk = |with: &str| format!("{field}fn f(&self) {{\n    {with}\n}}\n");
    finds(maps::walks_no_hash, FRAMEWORK, &walk("self.young.iter().next()"), &walk("self.young.get(&1)"));
    finds(maps::walks_no_hash, FRAMEWORK, &walk("for (a, b) in &self.young {"), &walk("for a in &self.older {"));
    let alias = "type Young = HashMap<u8, u8>;\nfn f(young: Young) { young.into_values() }";
    finds(maps::walks_no_hash, FRAMEWORK, alias, "fn f(young: BTreeMap<u8, u8>) { young.into_values() }");
    let binding = "let mut seen = HashSet::new();\nfor one in seen {";
    finds(maps::walks_no_hash, FRAMEWORK, binding, "let mut seen = HashSet::new();\nseen.insert(1);");
}

#[test]
fn a_fat_service_or_framework_is_found() {
    let code = "//! Not counted.\n\nx;\n";
    let of = |path: &str, lines: usize| File::new(path, code.replace("x;\n", &"x;\n".repeat(lines)));
    let services = |sizes: [usize; 3]| -> Vec<File> {
        sizes.iter().enumerate().map(|(n, lines)| of(&format!("services/s{n}/src/lib.rs"), *lines)).collect()
    };
    assert_eq!(budget::over_budget(&services([10, 300, 350])), Vec::<String>::new());
    assert_eq!(budget::over_budget(&services([10, 300, 351])).len(), 1);
    assert_eq!(budget::over_budget(&services([10, 301, 350])).len(), 1);
    assert_eq!(
        budget::over_budget(&[of("crates/a/src/lib.rs", 1), of("crates/b/src/c.rs", budget::FRAMEWORK)]).len(),
        1
    );
    assert_eq!(budget::over_budget(&[of("crates/access/src/lib.rs", budget::ACCESS + 1)]).len(), 1);
    let elsewhere =
        [of("crates/cli/src/lib.rs", 9_999), of("crates/a/src/b/tests.rs", 9_999), of("crates/a/src/lib.rs", 1)];
    assert_eq!(budget::over_budget(&elsewhere), Vec::<String>::new());
}

fn workspace(name: &str, folder: &str, dependency: &Value) -> Value {
    json!({ "packages": [{ "name": name, "manifest_path": format!("/a/{folder}/Cargo.toml"), "features": { "default": [] },
                           "dependencies": [dependency, { "name": "tokio", "path": null, "features": ["net"] }] }] })
}

#[test]
fn a_dependency_that_points_back_is_found() {
    let on = |name: &str, kind: Value| json!({ "name": name, "path": "/a/b", "kind": kind, "features": [] });
    let wrong = |name, folder, dependency| graph::wrong_ways(&workspace(name, folder, &dependency)).len();
    assert_eq!(wrong("orders", "services/orders", on("payment", Value::Null)), 1);
    assert_eq!(wrong("orders", "services/orders", on("sandbox", json!("dev"))), 1);
    assert_eq!(wrong("orders", "services/orders", on("events", Value::Null)), 0);
    assert_eq!(wrong("sandbox", "sandbox", on("orders", Value::Null)), 1);
    assert_eq!(wrong("millrace", "crates/millrace", on("events", Value::Null)), 1);
    assert_eq!(wrong("millrace", "crates/millrace", on("events", json!("dev"))), 0);
    assert_eq!(wrong("cli", "crates/cli", on("orders", Value::Null)), 0);
}

/// What goes round in a crate of these files.
fn goes_round(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
    modules::goes_round(&Crate::read("a/src/lib.rs", &read).expect("it has a first file"))
}

#[test]
fn a_circle_of_modules_is_found() {
    let with = |lib: &str, b: &str, c: &str| {
        let lib = format!("mod b;\nmod c;\n{lib}");
        goes_round(&[("a/src/lib.rs", &lib), ("a/src/b.rs", b), ("a/src/c.rs", c)])
    };
    let round = ["a/src/lib.rs:  goes round in b, c"];
    assert_eq!(with("", "use crate::c::C; pub struct B;", "use crate::b::B; pub struct C;"), round, "imported");
    assert_eq!(with("", "pub fn b() { crate::c::c() }", "pub fn c() { super::b::b() }"), round, "named in place");
    let passed_on = "pub use b::B;\npub use c::C;";
    assert_eq!(with(passed_on, "use crate::C; pub struct B;", "use crate::{B}; pub struct C;"), round, "passed on");
    assert_eq!(with("", "use crate::c::*; pub struct B(C);", "use crate::b::B; pub struct C;"), round, "with all else");
    let elsewhere = ("pub struct B { c: crate::c::C }", "pub struct C; impl crate::b::B { fn c(&self) {} }");
    assert_eq!(with("", elsewhere.0, elsewhere.1), round, "a method that its type's file does not show");

    assert!(with("", "use crate::c::C;", "pub struct C;").is_empty(), "one way");
    assert!(with("", "use crate::c::C; pub struct B;", "// crate::b::B\npub struct C;").is_empty(), "in a comment");
    assert!(
        with("", "use crate::c::C; pub struct B;", "mod tests { use crate::b::B; } pub struct C;").is_empty(),
        "test"
    );
    assert!(with("struct A(b::B);", "use super::A; pub struct B(A);", "").is_empty(), "a parent and its child");
}

#[test]
fn a_circle_of_folders_is_found_where_no_two_files_use_each_other() {
    let files = [
        ("a/src/lib.rs", "mod b; mod c;"),
        ("a/src/b.rs", "pub mod from; pub mod to;"),
        ("a/src/b/from.rs", "use crate::c::to::To;"),
        ("a/src/b/to.rs", "pub struct To;"),
        ("a/src/c.rs", "pub mod from; pub mod to;"),
        ("a/src/c/from.rs", "use crate::b::to::To;"),
        ("a/src/c/to.rs", "pub struct To;"),
    ];
    assert_eq!(goes_round(&files), ["a/src/lib.rs:  goes round in b, c"]);
    assert!(goes_round(&files[..5]).is_empty());
}

#[test]
fn a_dependency_that_nobody_vouches_for_is_found() {
    let package = |rest: &str| format!("[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n{rest}");
    let crates_io = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let unvouched = |rest: &str| graph::unvouched(&package(rest)).len();
    assert_eq!(unvouched(&format!("{crates_io}checksum = \"ab\"\n")), 0);
    assert_eq!(unvouched(""), 0, "ours");
    assert_eq!(unvouched(crates_io), 1);
    assert_eq!(unvouched("source = \"git+https://example.com/a\"\nchecksum = \"ab\"\n"), 1);
}

#[test]
fn sabotage_by_default_is_found() {
    let asks = |features: Value| workspace("blackbox", "tests", &json!({ "name": "millrace", "features": features }));
    assert_eq!(graph::always_sabotaged(&asks(json!(["sabotage"]))).len(), 1);
    assert_eq!(graph::always_sabotaged(&asks(json!([]))).len(), 0);
    let mut by_default = asks(json!([]));
    by_default["packages"][0]["features"] = json!({ "default": ["millrace/sabotage"] });
    assert_eq!(graph::always_sabotaged(&by_default).len(), 1);
}

#[test]
fn code_is_what_is_left_of_comments_and_literals() {
    let text = "let a = \"x // \\\" y\"; // z\nlet b: &'a str = r#\"q\"#; let c = '\\''; let d = '\"';";
    let left: Vec<String> = code(text).lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(left, ["leta=\"\"\";", "letb:&'astr=\"\";letc=;letd=\";"]);
}
