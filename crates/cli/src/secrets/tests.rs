//! The list is the command line's, and what is refused is refused by name.

use std::collections::BTreeSet;

use clap::{Arg, Command, CommandFactory};

use super::*;

/// In the name of a setting that opens a door.
const WORDS: [&str; 7] = ["TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "KEY", "JWKS", "JWT"];

fn arguments(command: &Command) -> Vec<&Arg> {
    command.get_arguments().chain(command.get_subcommands().flat_map(arguments)).collect()
}

#[test]
fn every_setting_that_opens_a_door_is_on_the_list() {
    let command = crate::Cli::command();
    let opens = |argument: &&Arg| {
        let name = argument.get_env().unwrap_or_default().to_string_lossy();
        argument.is_hide_env_values_set() || WORDS.iter().any(|word| name.contains(word))
    };
    let found = arguments(&command).into_iter().filter(opens).filter_map(|argument| argument.get_env()?.to_str());
    // An algorithm without a name is none that there is, and whoever types a command is hidden, and no secret.
    let no_doors = ["MILLRACE_JWT_ALGORITHM", "USER"];
    let found: BTreeSet<&str> = found.filter(|name| !no_doors.contains(name)).collect();
    assert_eq!(found, SETTINGS.iter().map(|(name, _)| *name).collect());
}

#[test]
fn a_url_that_names_a_user_has_a_password() {
    for url in ["redis://orders:secret@h:1", "redis://:secret@h", "redis://h:1,i:2", "rediss://h/2"] {
        assert!(with_password(url.to_owned()).is_ok(), "{url}");
    }
    for url in ["redis://orders:@h:1", "redis://orders@h", "redis://:@h", "redis://@h", "redis://orders:%20@h/2"] {
        assert!(with_password(url.to_owned()).is_err(), "{url}");
    }
}

#[test]
fn a_store_that_tells_nothing_has_told_no_secret() {
    assert!(check("APP_API_TOKEN", "told").is_ok());
    assert!(check("APP_API_TOKEN", " \n").is_err());
    assert!(check("MILLRACE_REDIS_URL", "redis://orders:@h").is_err());
}
