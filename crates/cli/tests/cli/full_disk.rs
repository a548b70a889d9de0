//! A disk that is full for a moment: the store takes nothing after it, so the process says so and ends, and a new one has
//! everything that was acknowledged.

use std::process::{Command, Stdio};

use axum::http::Method;
use host::client::Client;
use host::ports::local_url;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::time::Instant;

use crate::shop::{DEADLINE, Directory, Shop, id, millrace, order, ports};

/// As `up`, in a shell that has it told of a refused write by an error and not by a signal.
fn told_by_error(ports: host::ports::Ports, arguments: &[&str]) -> Command {
    let plain = millrace(ports, arguments);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Of the process: whether its writes to files are refused.
fn is_full(process: u32, full: bool) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process");
    let limit = Rlimit { current: full.then_some(0), maximum: None };
    prlimit(Some(pid), Resource::Fsize, limit).expect("it is ours");
}

#[tokio::test]
async fn a_shop_whose_disk_was_full_for_a_moment_ends_and_has_every_order_at_its_next_start() {
    let (ports, data) = (ports(), Directory::new());
    // A delivery that the carrier tells while the disk is full is told to nobody: the next process asks, at the time that
    // this one has stored.
    let up = ["up", "--data", data.path(), "--ask-carrier-after", "1s"];
    let mut child = told_by_error(ports, &up).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let (shop, admin) = (Client::new(&local_url(ports.gateway())), Client::new(&local_url(ports.admin())));
    let started = Instant::now();
    while !admin.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
        assert!(started.elapsed() < DEADLINE, "not ready in time");
        tokio::task::yield_now().await;
    }
    let place = async |key: u32| shop.command(Method::POST, "/orders", &format!("k-{key}"), &order("tok_ok")).await;
    let mut accepted = Vec::new();
    for key in 0..10 {
        accepted.push(id(&place(key).await.expect("an answer")));
    }
    is_full(child.id(), true);
    for key in 10..20 {
        accepted.extend(place(key).await.ok().filter(|answer| answer.status == 202).map(|answer| id(&answer)));
    }
    // Whoever looks now would find room.
    is_full(child.id(), false);
    let status = loop {
        if let Some(status) = child.try_wait().expect("our child") {
            break status;
        }
        assert!(started.elapsed() < 2 * DEADLINE, "it goes on, and can store nothing");
        tokio::task::yield_now().await;
    };
    let said = std::io::read_to_string(child.stderr.take().expect("piped")).expect("text");
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("the store can't be written"), "{said}");

    let again = Shop::start(ports, &up);
    assert!(accepted.len() >= 10, "{accepted:?}");
    for order in &accepted {
        again.until(order, "fulfilled").await;
    }
    again.nothing_is_left().await;
}
