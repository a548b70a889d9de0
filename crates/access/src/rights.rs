//! The names of rights, as the public calls need them.

use std::collections::BTreeSet;

use millrace::Needs;

/// Before the name of a right to one user's own: the right to every user's.
const ALL: &str = "all_";

/// Every right that a caller can have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    own: BTreeSet<&'static str>,
    others: BTreeSet<&'static str>,
}

impl FromIterator<Needs> for Rights {
    fn from_iter<I: IntoIterator<Item = Needs>>(needs: I) -> Self {
        let mut rights = Self::default();
        for needs in needs {
            match needs {
                Needs::Own(right) => rights.own.insert(right),
                Needs::Right(right) => rights.others.insert(right),
                Needs::Signature | Needs::Caller => continue,
            };
        }
        rights
    }
}

impl Rights {
    pub fn names(&self) -> impl Iterator<Item = String> {
        let own = self.own.iter().flat_map(|right| [(*right).to_owned(), every(right)]);
        own.chain(self.others.iter().map(|right| (*right).to_owned()))
    }

    /// Those to what is one user's own.
    pub fn own(&self) -> impl Iterator<Item = &'static str> {
        self.own.iter().copied()
    }

    /// What is wrong with these rights of a key, which has a user or has none.
    pub(crate) fn objection(&self, rights: &[String], has_user: bool) -> Option<String> {
        if let Some(unknown) = rights.iter().find(|right| self.names().all(|known| known != **right)) {
            let known: Vec<String> = self.names().collect();
            return Some(format!("{unknown:?} is no right; rights are {}", known.join(", ")));
        }
        let has = |named: &str| rights.iter().any(|right| right == named);
        let is_bound = self.own().any(has);
        let is_free = self.own().any(|right| has(&every(right)));
        if is_bound == has_user && !(has_user && is_free) {
            return None;
        }
        let own: Vec<&str> = self.own().collect();
        Some(format!("the rights {} need a user, and no other right has one", own.join(", ")))
    }
}

/// The right to every user's of what `right` is to one user's own.
pub(crate) fn every(right: &str) -> String {
    format!("{ALL}{right}")
}
