//! A secret that is empty, blank or can't be read is a missing one: no command starts with it.

use std::io::{Read, Write};
use std::net::TcpListener;

use host::ports::local;
use host::secrets::{Form, SETTINGS};

use crate::shop::{Directory, millrace, ports, run};

/// What must open nothing, in each way that a setting of this form can be given.
fn hollow(form: Form, folder: &Directory) -> Vec<String> {
    let file = |name: &str, text: &str| {
        let path = format!("{}/{name}", folder.path());
        std::fs::write(&path, text).expect("a writable folder");
        path
    };
    let missing = format!("{}/missing", folder.path());
    let files = [file("empty", ""), file("blank", " \n\t\n"), missing, folder.path().to_owned()];
    let given = ["", " ", "\t\n"].map(str::to_owned);
    let more = match form {
        Form::Text => files.map(|path| format!("file:{path}")).into(),
        Form::Url => {
            let urls = ["redis://u:@127.0.0.1:1", "redis://u@127.0.0.1:1"].map(str::to_owned);
            files.map(|path| format!("file:{path}")).into_iter().chain(urls).collect()
        }
        Form::File => files.into(),
        Form::Name => Vec::new(),
    };
    given.into_iter().chain(more).collect()
}

#[test]
fn nothing_starts_with_a_secret_that_is_empty_blank_or_unreadable() {
    let (folder, ports) = (Directory::new(), ports());
    for (setting, form) in SETTINGS {
        for value in hollow(form, &folder) {
            for arguments in [&["up", "--ephemeral"][..], &["serve", "orders", "--ephemeral", "--bus", "dapr"]] {
                let output = run(millrace(ports, arguments).env("APP_API_TOKEN", "token").env(setting, &value));
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(2), "{setting}={value:?} {arguments:?}: {said}");
                assert!(said.contains(&format!("{setting}: ")), "{setting}={value:?}: {said}");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_secret_is_told_without_the_secret() {
    let output = run(millrace(ports(), &["up", "--ephemeral"]).env("MILLRACE_WEBHOOK_SECRET", "hunter2"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("MILLRACE_WEBHOOK_SECRET") && !said.contains("hunter2"), "{said}");
}

#[test]
fn an_empty_secret_of_daprs_store_is_a_missing_one() {
    let listener = TcpListener::bind(local(0)).expect("a free port");
    let sidecar = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a caller");
            let _ = stream.read(&mut [0; 1024]);
            let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 11\r\n\r\n{\"key\":\" \"}";
            stream.write_all(answer.as_bytes()).expect("it listens");
        }
    });
    let kept =
        SETTINGS.iter().filter(|(name, form)| [Form::Text, Form::Url].contains(form) && *name != "DAPR_API_TOKEN");
    let ports = ports();
    for (setting, _) in kept {
        let mut command = millrace(ports, &["serve", "orders", "--ephemeral", "--bus", "dapr"]);
        command.env("DAPR_HTTP_PORT", sidecar.to_string()).env("APP_API_TOKEN", "token");
        let output = run(command.env(setting, "secretstore:vault/key"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{setting}: {said}");
        assert!(said.contains(&format!("{setting}: secretstore:vault/key: ")), "{setting}: {said}");
    }
}

#[test]
fn an_empty_token_file_of_a_shop_lets_no_command_pretend() {
    let folder = Directory::new();
    std::fs::write(format!("{}/admin-token", folder.path()), " \n").expect("a writable folder");
    let mut command = millrace(ports(), &["deadletters", "ls", "--data", folder.path()]);
    let output = run(command.env_remove("MILLRACE_ADMIN_TOKEN"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("admin-token is empty"), "{said}");
}
