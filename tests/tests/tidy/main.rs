//! The tree keeps its rules: sizes, names, directions, and what a simulation needs. Each rule is a function that
//! `planted` shows to fail.

mod budget;
mod doors;
mod graph;
mod maps;
mod modules;
mod planted;
mod source;
mod tree;

use source::Check;
use tree::{File, files};
use xtask::graph::Crate;

/// Every violation at once, so that one run is enough to mend them.
#[track_caller]
fn holds(check: Check) {
    none(files().iter().flat_map(check).collect());
}

#[track_caller]
fn none(violations: Vec<String>) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

fn crates() -> Vec<Crate> {
    xtask::graph::crates(&tree::root()).expect("the tree can be read")
}

macro_rules! everywhere {
    ($($name:ident: $check:path;)*) => {
        $(#[test]
        fn $name() {
            holds($check);
        })*
    };
}

everywhere! {
    files_are_short: source::is_short;
    files_say_what_they_are_for: source::says_what_it_is_for;
    functions_are_short: source::has_short_functions;
    services_name_no_event_by_hand: source::names_no_event;
    unsafe_code_is_forbidden_everywhere: source::forbids_unsafe_code;
    tasks_start_only_where_they_are_owned: source::spawns_only_where_allowed;
    what_is_simulated_selects_in_order: source::selects_in_order;
    nothing_is_silenced: source::silences_nothing;
    nothing_is_left_for_later: source::leaves_nothing_for_later;
    tests_do_not_sleep: source::sleeps_in_simulated_time;
    nothing_names_a_machine: source::names_no_machine;
    no_order_comes_from_a_hash: maps::walks_no_hash;
    commands_print_by_one_helper: doors::prints_by_one_helper;
    secrets_come_in_by_one_door: doors::reads_no_secret_aside;
}

#[test]
fn services_and_framework_keep_their_budgets() {
    none(budget::over_budget(&files()));
}

#[test]
fn dependencies_point_one_way() {
    none(graph::wrong_ways(&graph::metadata()));
}

#[test]
fn modules_use_each_other_one_way() {
    none(crates().iter().flat_map(modules::goes_round).collect());
}

#[test]
fn every_dependency_is_from_crates_io_with_a_checksum() {
    let lock = std::fs::read_to_string(tree::root().join("Cargo.lock")).expect("the lock file is committed");
    assert!(lock.contains("[[package]]"), "nothing is locked");
    none(graph::unvouched(&lock));
}

#[test]
fn the_image_is_built_by_the_oldest_rust_that_is_promised() {
    let image = std::fs::read_to_string(tree::root().join("Dockerfile")).expect("it is there");
    let promised = concat!("FROM rust:", env!("CARGO_PKG_RUST_VERSION"), "-alpine ");
    assert!(image.contains(promised), "not {promised}");
}

#[test]
fn sabotage_is_asked_for_by_name() {
    none(graph::always_sabotaged(&graph::metadata()));
}

#[test]
fn every_excuse_is_still_needed() {
    let files = files();
    let unused =
        |path: &str, finds: &dyn Fn(&File) -> bool| !files.iter().any(|file| file.is_in(&[path]) && finds(file));
    let mut idle = Vec::new();
    idle.extend(source::SPAWNS.iter().filter(|(path, _)| unused(path, &|file| !source::spawns(file).is_empty())));
    idle.extend(source::SLEEPS.iter().filter(|(path, _)| unused(path, &|file| !source::real_sleeps(file).is_empty())));
    let mut idle: Vec<String> = idle.into_iter().map(|(path, _)| format!("{path} needs no excuse")).collect();
    for (path, name, _) in maps::HARMLESS {
        if unused(path, &|file| maps::walks(file).iter().any(|(walked, _)| walked == name)) {
            idle.push(format!("{path} needs no excuse for {name}"));
        }
    }
    none(idle);
}
