//! The command line's secrets are those of the one list.

use std::collections::BTreeSet;

use clap::{Arg, Command, CommandFactory};
use host::secrets::SETTINGS;

/// In the name of a setting that opens a door.
const WORDS: [&str; 7] = ["TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "KEY", "JWKS", "JWT"];

fn arguments(command: &Command) -> Vec<&Arg> {
    command.get_arguments().chain(command.get_subcommands().flat_map(arguments)).collect()
}

#[test]
fn every_setting_that_opens_a_door_is_on_the_list() {
    let command = super::Cli::command();
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
