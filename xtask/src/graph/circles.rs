//! Rooms and the arrows between them. A room is a module with all that is below it, and a room's rooms use each other one
//! way. What they use of the file that declares them is none of it: seen from anywhere else, they and it are one.

use std::collections::{BTreeMap, BTreeSet};

use super::Crate;

/// Rooms that use each other.
pub struct Circle {
    /// The module that declares them; empty for the crate's first.
    pub within: Vec<String>,
    pub rooms: Vec<String>,
}

type Rooms<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

impl Crate {
    /// Which rooms below `within` each of them uses.
    pub fn rooms(&self, within: &[String]) -> Rooms<'_> {
        let depth = within.len();
        let room = |module: usize| {
            let name = &self.modules[module].name;
            name.get(depth).filter(|_| name.starts_with(within)).map(String::as_str)
        };
        let mut rooms: Rooms = (0..self.modules.len()).filter_map(room).map(|room| (room, BTreeSet::new())).collect();
        for (from, to) in self.arrows.iter().filter_map(|(from, to)| Some((room(*from)?, room(*to)?))) {
            if from != to {
                rooms.entry(from).or_default().insert(to);
            }
        }
        rooms
    }

    pub fn circles(&self) -> Vec<Circle> {
        let mut circles = Vec::new();
        for within in self.names() {
            let of_it = |rooms| Circle { within: within.clone(), rooms };
            circles.extend(strong(&self.rooms(within)).into_iter().map(of_it));
        }
        circles
    }

    /// Of every module, in order.
    pub fn names(&self) -> BTreeSet<&Vec<String>> {
        self.modules.iter().map(|module| &module.name).collect()
    }
}

/// Those that reach each other, at least two at a time.
fn strong(rooms: &Rooms) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = rooms.keys().map(|room| (*room, reach(rooms, room))).collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (room, of_room) in &reached {
        let circle: Vec<String> =
            of_room.iter().filter(|other| reached[**other].contains(room)).map(|other| (*other).to_owned()).collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

/// Whatever can be come to from `room` along the arrows.
fn reach<'a>(rooms: &Rooms<'a>, room: &'a str) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![room]);
    while let Some(room) = open.pop() {
        open.extend(rooms[room].iter().filter(|next| reached.insert(**next)));
    }
    reached
}
