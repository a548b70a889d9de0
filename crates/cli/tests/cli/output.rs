//! Standard output that can't be written, and readers who go.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::time::Instant;

use crate::shop::{DEADLINE, Directory, Shop, millrace, ports};

/// Commands that print, and need no shop for it.
const ALONE: [&[&str]; 12] = [
    &["--help"],
    &["--version"],
    &["order", "--help"],
    &["topology"],
    &["topology", "--json"],
    &["topology", "--format", "mermaid"],
    &["doctor", "--rules"],
    &["doctor", "--rules", "--json"],
    &["key", "web", "--user", "u-1"],
    &["key", "--token"],
    &["completions", "bash"],
    &["completions", "zsh"],
];
/// Those that ask a shop.
const ASKING: [&[&str]; 6] = [
    &["order", "--json"],
    &["order"],
    &["order", "--count", "2", "--json"],
    &["top", "--once", "--json", "--interval", "100ms"],
    &["top", "--interval", "100ms"],
    &["deadletters", "ls"],
];

/// Within the deadline, or it would never.
fn ended(child: &mut Child, arguments: &[&str]) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("our child") {
            return status;
        }
        if started.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("{arguments:?} does not end");
        }
        std::thread::yield_now();
    }
}

fn says_that_the_disk_is_full(mut command: Command, arguments: &[&str]) {
    let full = File::options().write(true).open("/dev/full").expect("every Linux has it");
    let mut child = command.stdout(full).stderr(Stdio::piped()).spawn().expect("it starts");
    let status = ended(&mut child, arguments);
    let said = std::io::read_to_string(child.stderr.take().expect("piped")).expect("text");
    assert_eq!(status.code(), Some(3), "{arguments:?}: {said}");
    assert!(said.contains("cannot write to standard output: No space left"), "{arguments:?}: {said}");
}

/// A reader who takes `lines` and goes.
fn ends_quietly(mut command: Command, arguments: &[&str], lines: usize) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let read = BufReader::new(child.stdout.take().expect("piped")).lines().take(lines).count();
    assert_eq!(read, lines, "{arguments:?}");
    let status = ended(&mut child, arguments);
    let said = std::io::read_to_string(child.stderr.take().expect("piped")).expect("text");
    assert!(status.success(), "{arguments:?}: {status} {said}");
    assert!(!said.contains("panicked") && !said.contains("output"), "{arguments:?}: {said}");
}

#[test]
fn no_command_says_done_of_what_it_could_not_write() {
    let ports = ports();
    for arguments in ALONE {
        says_that_the_disk_is_full(millrace(ports, arguments), arguments);
    }
}

#[test]
fn a_reader_who_has_gone_ends_a_command_quietly() {
    let ports = ports();
    for arguments in ALONE {
        ends_quietly(millrace(ports, arguments), arguments, 0);
    }
}

#[tokio::test]
async fn commands_that_ask_a_shop_end_with_their_reader_and_tell_of_a_full_disk() {
    let shop = Shop::ephemeral();
    for arguments in ASKING {
        says_that_the_disk_is_full(millrace(shop.ports, arguments), arguments);
        ends_quietly(millrace(shop.ports, arguments), arguments, 0);
    }
    ends_quietly(millrace(shop.ports, &["top", "--interval", "100ms"]), &["top"], 2);
    shop.nothing_is_left().await;
}

#[tokio::test]
async fn a_shop_goes_on_when_nobody_reads_what_it_prints() {
    let (ports, data) = (ports(), Directory::new());
    let mut command = millrace(ports, &["up", "--data", data.path()]);
    let full = File::options().write(true).open("/dev/full").expect("every Linux has it");
    let mut child = command.stdout(full).stderr(Stdio::null()).spawn().expect("it starts");
    let admin = host::client::Client::new(&host::ports::local_url(ports.admin()));
    let started = Instant::now();
    while !admin.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
        assert!(started.elapsed() < DEADLINE, "not ready in time");
        tokio::task::yield_now().await;
    }
    assert!(child.try_wait().expect("our child").is_none());
    assert!(crate::shop::terminate(&mut child).success());
}
