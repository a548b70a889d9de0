//! `docs/names.md`: which event is known by which name elsewhere.

use crate::COMMAND;
use crate::schemas::{Catalogue, Kind};

pub fn table(catalogue: &Catalogue) -> String {
    let mut text = format!(
        "<!-- Generated from schemas/ by `{COMMAND}`. -->\n\
         # Names\n\n\
         Every event, what it says, and the names it goes by elsewhere; its page tells its fields and who hears it. A private event stays in its stream \
         and is never published.\n\n\
         | type | also known as | says |\n|---|---|---|\n"
    );
    for file in &catalogue.files {
        if let Kind::Event(event) = &file.kind {
            let private = if event.private { " (private)" } else { "" };
            let aka = file.strings("x-aka").join(", ");
            let says = file.text("description");
            text.push_str(&format!("| [`{0}`](api/events/{0}.md){private} | {aka} | {says} |\n", event.name));
        }
    }
    text.push_str("\n| topic | owner | key | also known as |\n|---|---|---|---|\n");
    for (name, topic) in &catalogue.topics {
        text.push_str(&format!("| `{name}` | {} | {} | {} |\n", topic.owner, topic.key, topic.aka.join(", ")));
    }
    text
}
