//! The doctor by itself, as a pipeline runs it: what it reads and its exit statuses.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A project that is known to keep its messages.
fn components() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/redis")
}

fn doctor(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace-doctor"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

fn piped(text: &str) -> Output {
    let mut command = doctor(&["-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

#[test]
fn the_folder_it_is_started_in_is_judged_where_none_is_named() {
    let named = doctor(&[components().to_str().expect("a printable path"), "--strict"]).output().expect("it starts");
    assert_eq!(named.status.code(), Some(0), "{named:?}");
    let here = doctor(&["--strict"]).current_dir(components()).output().expect("it starts");
    assert_eq!(here.status.code(), Some(0), "{here:?}");
    assert!(String::from_utf8_lossy(&here.stdout).contains("7 resources"), "{here:?}");
}

#[test]
fn a_rendered_chart_is_judged_and_one_that_is_not_is_refused() {
    let component =
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: a}\nspec: {type: pubsub.in-memory}\n";
    let rendered = piped(component);
    assert_eq!(rendered.status.code(), Some(1), "{rendered:?}");
    assert!(String::from_utf8_lossy(&rendered.stdout).contains("C02"), "{rendered:?}");
    let template = piped(&format!("{component}---\n{{{{- if .Values.a }}}}\napiVersion: dapr.io/v1alpha1\n"));
    assert_eq!(template.status.code(), Some(3), "{template:?}");
    let said = String::from_utf8_lossy(&template.stdout);
    assert!(said.contains("standard input:6") && said.contains("C02"), "{said}");
}

/// The headers of the one request that the doctor makes of a daprd, which hangs up on it.
fn headers(token: &str) -> Vec<String> {
    let daprd = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", daprd.local_addr().expect("bound"));
    let mut child =
        doctor(&["--daprd", &url]).env("DAPR_API_TOKEN", token).stdout(Stdio::null()).spawn().expect("it starts");
    let (request, _) = daprd.accept().expect("it calls");
    let lines = BufReader::new(&request).lines().map_while(Result::ok);
    let headers = lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
    drop(request);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    headers
}

#[test]
fn a_daprd_is_shown_the_token_and_an_empty_one_is_none() {
    assert!(headers("secret").contains(&"dapr-api-token: secret".to_owned()));
    assert!(!headers(" ").iter().any(|header| header.starts_with("dapr-api-token")));
}

#[test]
fn wrong_use_what_does_not_answer_and_a_full_disk_have_statuses_of_their_own() {
    let status = |command: &mut Command| command.output().expect("it starts").status.code();
    assert_eq!(status(&mut doctor(&["/nowhere"])), Some(2));
    assert_eq!(status(&mut doctor(&["--redis"])), Some(3), "no address");
    assert_eq!(status(doctor(&["--redis"]).env("MILLRACE_REDIS_URL", "redis://127.0.0.1:1")), Some(3));
    assert_eq!(status(&mut doctor(&["--daprd", "http://127.0.0.1:1"])), Some(3));
    assert_eq!(status(&mut doctor(&["--rules", "--json"])), Some(0));
    let full = File::options().write(true).open("/dev/full").expect("it is there");
    let written = doctor(&["--rules"]).stdout(full).status().expect("it starts");
    assert_eq!(written.code(), Some(3));
}
