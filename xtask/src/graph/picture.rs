//! The modules as text: sizes, the arrows between the rooms of a crate, and its circles.

use std::fmt::Write;

use super::Crate;

/// One crate after the other, and what they come to.
pub fn picture(crates: &[Crate]) -> String {
    let mut text = String::new();
    for one in crates {
        // Writing to a String can't fail.
        let _ = draw(&mut text, one);
    }
    let sum = |of: fn(&Crate) -> usize| crates.iter().map(of).sum::<usize>();
    let (files, lines, circles) = (sum(|one| one.modules.len()), sum(Crate::lines), sum(|one| one.circles().len()));
    let count = crates.len();
    let _ = writeln!(text, "{count} crates and test binaries, {files} files, {lines} lines, {circles} circles");
    text
}

fn draw(text: &mut String, one: &Crate) -> std::fmt::Result {
    let circles = one.circles();
    writeln!(text, "{}: {} files, {} lines, {} circles", one.root, one.modules.len(), one.lines(), circles.len())?;
    let longest = one.modules.iter().filter_map(|module| Some((&module.path, module.longest.as_ref()?)));
    if let Some((path, (name, lines))) = longest.max_by_key(|(_, (_, lines))| *lines) {
        writeln!(text, "  longest function: {lines} lines, {name} in {path}")?;
    }
    for within in one.names() {
        let prefix: String = within.iter().map(|name| format!("{name}::")).collect();
        for (room, uses) in one.rooms(within).into_iter().filter(|(_, uses)| !uses.is_empty()) {
            let uses: Vec<&str> = uses.into_iter().collect();
            writeln!(text, "  {prefix}{room} -> {}", uses.join(", "))?;
        }
    }
    for circle in circles {
        let within = if circle.within.is_empty() { String::new() } else { format!(" in {}", circle.within.join("::")) };
        writeln!(text, "  CIRCLE{within} of {}: {}", circle.rooms.len(), circle.rooms.join(", "))?;
    }
    writeln!(text)
}
