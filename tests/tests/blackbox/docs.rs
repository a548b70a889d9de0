//! The documents are true: what they tell to type works, what they link to is there and says what they quote, and the
//! tables that newcomers rely on are complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use axum::http::Method;
use blackbox::order::{Storefront, Wanted};
use blackbox::recording::Recording;
use blackbox::{Options, Shop};
use events::orders::order;
use events::orders::order::OrderStatusChanged;
use millrace::Incoming;
use millrace::schema::EventType;
use serde_json::{Value, json};

const QUESTIONS: [&str; 8] = [
    "Where is a duplicate detected?",
    "What happens when publish fails?",
    "Who hears `orders.order.created`?",
    "What is retried how often?",
    "Where does poison go?",
    "How do I add an event?",
    "How do I add a service?",
    "How do I run one test?",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below `folder` that `wanted` takes, relative to the root.
fn files(folder: &str, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let is_skipped = name == "target" || name.starts_with('.');
        match entry.file_type().expect("a type") {
            kind if kind.is_dir() && !is_skipped => found.extend(files(&path, wanted)),
            kind if kind.is_file() && wanted(&path) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<String> {
    files("", &|path| path.ends_with(".md"))
}

/// A fenced block: what stands behind its fence, and its text.
struct Block {
    kind: String,
    text: String,
}

/// A document's prose, and its fenced blocks.
fn parts(text: &str) -> (String, Vec<Block>) {
    let (mut prose, mut blocks, mut open) = (String::new(), Vec::<Block>::new(), false);
    for line in text.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(kind), false) => blocks.push(Block { kind: kind.to_owned(), text: String::new() }),
            (Some(_), true) => {}
            (None, false) => prose = prose + line + "\n",
            (None, true) => {
                blocks.iter_mut().next_back().into_iter().for_each(|block| block.text += &(line.to_owned() + "\n"))
            }
        }
        open ^= line.starts_with("```");
    }
    (prose, blocks)
}

struct Link {
    text: String,
    target: String,
}

fn links(prose: &str) -> Vec<Link> {
    let link = |(at, _)| {
        let before: &str = &prose[..at];
        let start = if before.ends_with('`') { before.rfind("[`")? } else { before.rfind('[')? };
        let target = prose[at + 2..].split(')').next()?;
        Some(Link { text: before[start + 1..].to_owned(), target: target.to_owned() })
    };
    prose.match_indices("](").filter_map(link).filter(|link| !link.target.contains("://")).collect()
}

/// Where a relative link leads: a path and, if it names one, a heading.
fn resolve(document: &str, target: &str) -> (PathBuf, Option<String>) {
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let here = root().join(document);
    let path = if path.is_empty() { here } else { here.parent().expect("a folder").join(path) };
    (path, heading.map(str::to_owned))
}

/// As GitHub names a heading in an address.
fn slug(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for document in documents() {
        let (prose, _) = parts(&read(&document));
        for link in links(&prose) {
            let (path, heading) = resolve(&document, &link.target);
            let text = fs::read_to_string(&path).unwrap_or_default();
            let is_there = |heading: &String| text.lines().any(|line| line.starts_with('#') && slug(line) == *heading);
            if !path.exists() || heading.as_ref().is_some_and(|heading| !is_there(heading)) {
                dead.push(format!("{document}: {}", link.target));
            }
        }
    }
    assert!(dead.is_empty(), "dead links: {dead:#?}");
}

#[test]
fn what_a_link_quotes_stands_in_its_file() {
    let (mut quoted, mut wrong) = (0, Vec::new());
    for document in documents() {
        let (prose, _) = parts(&read(&document));
        for link in links(&prose) {
            let Some(quotation) = link.text.strip_prefix('`').and_then(|text| text.strip_suffix('`')) else { continue };
            let found = fs::read_to_string(resolve(&document, &link.target).0).unwrap_or_default();
            quoted += 1;
            if !found.contains(quotation) {
                wrong.push(format!("{document}: {} does not say {quotation}", link.target));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(quoted > 20, "{quoted} quotations: are links still found?");
}

/// The cells of each row of the table under `heading`, without its head.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let text = read(document);
    let section = text.split_once(heading).unwrap_or_else(|| panic!("{document} has no {heading}")).1;
    let rows = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    rows.skip(2).map(cells).collect()
}

#[test]
fn each_question_of_a_minute_is_answered_by_one_file() {
    let rows = table("ARCHITECTURE.md", "## One minute");
    let asked: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(asked, QUESTIONS);
    for row in rows {
        let answers = links(&row[1]);
        assert_eq!(answers.len(), 1, "{row:?}");
        assert!(root().join(&answers[0].target).is_file(), "{row:?}");
        assert_eq!(answers[0].text, answers[0].target, "the answer is the file's name");
    }
}

#[test]
fn each_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    let section = manifest.split_once("[workspace.dependencies]").expect("dependencies").1;
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let outside = lines.filter(|line| !line.contains("path =")).filter_map(|line| line.split_once(" ="));
    let named: BTreeSet<String> = outside.map(|(name, _)| name.to_owned()).collect();
    let rows = table("docs/decisions/0004-dependencies.md", "# 4.");
    let explained: BTreeSet<String> =
        rows.iter().flat_map(|row| row[0].split(", ")).map(|name| name.trim_matches([' ', '`']).to_owned()).collect();
    assert_eq!(named, explained, "in Cargo.toml (left), in 0004-dependencies.md (right)");
}

#[test]
fn each_make_target_is_told_of() {
    let (makefile, page) = (read("Makefile"), read("docs/make.md"));
    let target = |line: &str| Some(line.split_once(" ## ")?.0.split_once(':')?.0.to_owned());
    let targets: BTreeSet<String> = makefile.lines().filter_map(target).filter(|name| !name.contains(' ')).collect();
    assert!(targets.contains("run") && targets.contains("test"), "{targets:?}");
    let rows: BTreeSet<String> = page
        .lines()
        .filter(|line| line.starts_with("| `make "))
        .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split(", ").collect::<Vec<_>>())
        .map(|name| name.trim().trim_matches('`').trim_start_matches("make ").to_owned())
        .collect();
    assert_eq!(targets, rows, "in the Makefile (left), in docs/make.md (right)");
}

/// Invariant 19: whatever becomes of an order, each change of its status is a row of the documented table.
#[tokio::test(start_paused = true)]
async fn an_order_changes_its_state_only_as_documented() {
    let rows = table("docs/states.md", "Creation is");
    let documented: BTreeSet<(String, String)> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let shop = Shop::start(11, Options { payment_timeout: Duration::from_secs(2), ..Options::default() });
    shop.stock(1, 100).await;
    let endings = ["tok_ok", "tok_declined", "tok_slow", "tok_timeout"].map(|token| (token, "LS1 1AA", 1));
    let others = [("tok_ok", "REFUSE1", 1), ("tok_ok", "SLOW1", 1), ("tok_ok", "LS1 1AA", 1_000)];
    for (n, (token, postal_code, quantity)) in endings.into_iter().chain(others).cycle().take(28).enumerate() {
        let wanted = Wanted { token, postal_code, quantity, ..Wanted::default() };
        let id = shop.place(&wanted, &n.to_string()).await;
        if n >= 14 {
            // At a later moment with each: early ones meet the reservation, late ones the parcel.
            shop.clock.sleep(Duration::from_millis(7 * n as u64)).await;
            shop.call(Method::POST, &format!("/orders/{id}/cancel"), &format!("cancel-{n}"), &json!({})).await;
        }
        shop.ended(&id, Duration::from_secs(600)).await;
    }
    shop.quiet(Duration::from_secs(600)).await.expect("quiet");
    let events = Recording::of(&*shop).await.events(order::TOPIC);
    let events = events.iter().map(|bytes| Incoming::parse(bytes).expect("an envelope"));
    let changes = events.filter(|event| event.name == OrderStatusChanged::SCHEMA.name);
    let data = changes.map(|event| serde_json::from_slice::<Value>(&event.data).expect("JSON"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seen: BTreeSet<(String, String)> = data.map(|data| (text(&data["from"]), text(&data["to"]))).collect();
    let unknown: Vec<_> = seen.difference(&documented).collect();
    assert!(unknown.is_empty(), "not in docs/states.md: {unknown:?}");
    assert!(seen.len() > documented.len() / 2, "{} of {} were met", seen.len(), documented.len());
}

/// A block to run, and the lines its output must have, in order.
struct Step {
    document: String,
    command: String,
    expected: Vec<String>,
}

fn steps() -> Vec<Step> {
    let mut steps = Vec::<Step>::new();
    let first = ["README.md", "CONTRIBUTING.md"].map(str::to_owned);
    for document in first.into_iter().chain(files("docs", &|path| path.ends_with(".md"))) {
        for block in parts(&read(&document)).1 {
            match (block.kind.as_str(), steps.last_mut()) {
                ("sh run", _) => {
                    steps.push(Step { document: document.clone(), command: block.text, expected: Vec::new() })
                }
                ("text expect", Some(step)) => step.expected = block.text.lines().map(str::to_owned).collect(),
                _ => {}
            }
        }
    }
    steps
}

/// Whether the lines stand in the output in this order; `…` stands for anything. The first one that does not.
fn missing<'a>(expected: &'a [String], output: &str) -> Option<&'a str> {
    let mut lines = output.lines();
    let stands_in = |expected: &str, line: &str| {
        let mut rest = line;
        expected.split('…').all(|part| match rest.split_once(part.trim()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    };
    expected.iter().map(String::as_str).find(|expected| !lines.by_ref().any(|line| stands_in(expected, line)))
}

/// The folder of the `millrace` that belongs to these tests. `cargo test --workspace` has built it; where only this
/// package was asked for, it may be missing or old.
fn binaries() -> PathBuf {
    let tests = std::env::current_exe().expect("this test is a file");
    let folder = tests.ancestors().nth(2).expect("target/<profile>/deps/<test>").to_owned();
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let built = modified(&folder.join("millrace"));
    let is_source = |path: &str| path.contains("/src/") && !path.ends_with("tests.rs");
    let sources = ["crates", "services"].into_iter().flat_map(|folder| files(folder, &is_source));
    if sources.map(|path| modified(&root().join(path))).any(|changed| changed > built) {
        let profile =
            folder.file_name().and_then(|name| name.to_str()).filter(|name| *name != "debug").unwrap_or("dev");
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let status =
            Command::new(cargo).current_dir(root()).args(["build", "-q", "-p", "cli", "--profile", profile]).status();
        assert!(status.is_ok_and(|status| status.success()), "millrace builds");
    }
    folder
}

/// One shell for all, as a reader has; in place of `make run` the binary that is there already, on ports of its own.
fn script(steps: &[Step], base: u16) -> String {
    let (gateway, admin) = (8080 + base, 8081 + base);
    let mut script = format!(
        "set -euo pipefail\n\
         export MILLRACE_PORT_BASE={base}\n\
         export MILLRACE_DATA=\"$1/data\"\n\
         millrace up >\"$1/shop\" 2>&1 </dev/null &\n\
         shop=$!\n\
         trap 'kill $shop; wait $shop || true' EXIT\n\
         curl -fs --retry 60 --retry-delay 1 --retry-all-errors http://127.0.0.1:{admin}/readyz >/dev/null\n"
    );
    for (n, step) in steps.iter().enumerate() {
        let command = step.command.replace("127.0.0.1:8080", &format!("127.0.0.1:{gateway}"));
        script += &format!("{{\n{command}}} >\"$1/{n}\" 2>&1\n");
    }
    script
}

#[test]
fn what_the_documents_tell_to_type_works() {
    let steps = steps();
    assert!(steps.len() > 5 && steps.iter().all(|step| !step.expected.is_empty()), "each block says what to expect");
    let folder = std::env::temp_dir().join(format!("millrace-docs-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    // Beyond the ports of the binary's own tests.
    let bases = (0..15).map(|number| 21_000 + 200 * ((std::process::id() as u16 % 15 + number) % 15));
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let has_room = |base: &u16| (8_025..8_200).chain([6_390]).all(|port| is_free(port + base));
    let base = bases.into_iter().find(has_room).expect("a base without a port that is taken");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(binaries()).chain(std::env::split_paths(&paths));
    let mut shell = Command::new("timeout");
    shell.args(["-k", "10", "240", "bash", "-c", &script(&steps, base), "documents"]).arg(&folder);
    shell.env("PATH", std::env::join_paths(paths).expect("paths")).current_dir(root()).stdin(Stdio::null());
    let output = shell.output().expect("bash and timeout are there");
    let log = fs::read_to_string(folder.join("shop")).unwrap_or_default();
    let outputs: Vec<_> = (0..steps.len()).map(|n| fs::read_to_string(folder.join(n.to_string())).ok()).collect();
    fs::remove_dir_all(&folder).expect("the folder is ours");
    for (n, step) in steps.iter().enumerate() {
        let at = format!("{}:\n{}", step.document, step.command);
        let seen = outputs[n].as_ref().unwrap_or_else(|| panic!("never reached: {at}\n{log}\n{output:?}"));
        let is_last = outputs.get(n + 1).is_none_or(Option::is_none);
        assert!(!is_last || output.status.success(), "{:?}: {at}\n{seen}\n{log}", output.status);
        let missing = missing(&step.expected, seen);
        assert_eq!(missing, None, "not in the output of {at}\n{seen}\n{log}");
    }
}

#[test]
fn expected_lines_are_looked_for_in_order() {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(missing(&lines(&["b", "c … e"]), "a\nb\nc d e\n"), None);
    assert_eq!(missing(&lines(&["c … e", "b"]), "a\nb\nc d e\n"), Some("b"));
    assert_eq!(missing(&lines(&["c … f"]), "c d e\n"), Some("c … f"));
}
