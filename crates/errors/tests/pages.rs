//! The list, its pages and what the programs say are the same. `UPDATE=1` writes the list of pages anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use errors::{CODES, Code, index};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Rust files below `folder` that are no tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() && !["tests", "target", "examples", "errors"].contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// The literal at the start of `rest`, if it has the form of a code.
fn literal(rest: &str) -> Option<&str> {
    let (text, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(text)
}

/// Codes that a source gives to a problem, or lists with their status.
fn said(source: &str) -> BTreeSet<&str> {
    let after = |start: &'static str| source.match_indices(start).map(move |(at, _)| &source[at + start.len()..]);
    let first = ["not_found(", "conflict(", "unprocessable(", "not_yet(", "NotFound("].into_iter().flat_map(after);
    let second = after("Rejected::new(").filter_map(|rest| Some(rest.split_once(',')?.1));
    let with_status = after("StatusCode::").filter_map(|rest| {
        let (status, rest) = rest.split_once(',')?;
        (status != "OK" && status.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')).then_some(rest)
    });
    let with_number = after("(").filter_map(|rest| {
        let (number, rest) = rest.split_once(',')?;
        number.parse::<u16>().is_ok_and(|status| (400..600).contains(&status)).then_some(rest)
    });
    first.chain(second).chain(with_status).chain(with_number).filter_map(literal).collect()
}

#[test]
fn what_is_said_is_found_however_it_is_said() {
    let source = r#"
        Problem::NotFound("a_not_found"), Rejected::conflict("b", detail), Rejected::new(
            status,
            "c_d",
        ), refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "e", ""), (StatusCode::OK, "ready"), &[(422, "f_g"), (200, "h")],
        (StatusCode::SERVICE_UNAVAILABLE, "not ready"), Rejected::not_yet(CONSTANT), max("i")"#;
    assert_eq!(said(source), BTreeSet::from(["a_not_found", "b", "c_d", "e", "f_g"]));
}

#[test]
fn every_code_that_is_said_is_listed_and_every_one_listed_is_said() {
    let mut files = Vec::new();
    for folder in ["crates", "services"] {
        sources(&root().join(folder), &mut files);
    }
    let texts: Vec<String> = files.iter().map(|path| fs::read_to_string(path).expect("text")).collect();
    let said: BTreeSet<&str> = texts.iter().flat_map(|text| said(text)).collect();
    let listed: BTreeSet<&str> = CODES.iter().map(|code| code.name).collect();
    assert_eq!(said, listed);
}

#[test]
fn every_page_is_of_a_code_and_says_all_three_things() {
    let files = fs::read_dir(root().join("docs/errors")).expect("a folder");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("text"));
    let pages: BTreeSet<String> = names.filter(|name| name != "README.md").collect();
    assert_eq!(pages, CODES.iter().map(|code| format!("{}.md", code.name)).collect());
    for code in CODES {
        assert!(code.page.starts_with(&format!("# `{}`\n\n", code.name)), "{}", code.name);
        let (statuses, meaning) = code.meaning();
        let known = |status: &str| status.parse::<u16>().is_ok_and(|status| (400..600).contains(&status));
        assert!(statuses.split(", ").all(known) && meaning.ends_with('.'), "{}: {statuses:?} {meaning:?}", code.name);
        for part in ["\n\n**Why**: ", "\n\n**What to do**: "] {
            assert_eq!(code.page.matches(part).count(), 1, "{} {part:?}", code.name);
        }
    }
}

#[test]
fn a_code_is_found_by_its_name() {
    for code in CODES {
        assert_eq!(Code::of(code.name), Some(code));
    }
    assert_eq!([Code::of(""), Code::of("no_such_code"), Code::of("README")], [None; 3]);
}

#[test]
fn the_list_of_pages_is_the_committed_one() {
    let path = root().join("docs/errors/README.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, index()).expect("the file can be written");
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), index(), "UPDATE=1 cargo test -p errors");
}
