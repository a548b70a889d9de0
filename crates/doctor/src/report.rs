//! What was found, for people and for programs, and the exit status it comes to.

use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde::Serialize;

use crate::files::Unread;
use crate::rules::{self, Finding, Harm};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Something works less well, or will be fetched.
    Warn,
    Fail,
}

#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Number of the rule that is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    pub name: String,
    pub level: Level,
    pub found: String,
    /// What to type or to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { rule: None, name: name.into(), level: Level::Ok, found: found.into(), fix: None }
    }

    pub fn not_ok(name: impl Into<String>, level: Level, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { rule: None, name: name.into(), level, found: found.into(), fix: Some(fix.into()) }
    }
}

impl From<Finding> for Check {
    fn from(Finding { rule, place, what }: Finding) -> Self {
        let level = if rule.harm == Harm::Loses { Level::Fail } else { Level::Warn };
        let harm = format!("{:?}", rule.harm).to_lowercase();
        let found = format!("{what}\n{harm}: {}", rule.why);
        Self { rule: Some(rule.number), ..Self::not_ok(place, level, found, rule.fix) }
    }
}

impl From<&Unread> for Check {
    fn from(unread: &Unread) -> Self {
        let place = format!("{}:{}", unread.file, unread.line);
        Self::not_ok(place, Level::Fail, format!("not read: {}", unread.why), unread.fix)
    }
}

/// All checks, those about what is missing first.
#[derive(Debug)]
pub struct Report {
    missing: Vec<Check>,
    broken: Vec<Check>,
    is_strict: bool,
}

impl Report {
    pub fn new(is_strict: bool) -> Self {
        Self { missing: Vec::new(), broken: Vec::new(), is_strict }
    }

    /// Something that has to be there, or to answer.
    pub fn missing(&mut self, check: Check) {
        self.missing.push(check);
    }

    pub fn add(&mut self, name: &str, fine: &str, findings: Vec<Finding>) {
        if findings.is_empty() {
            self.broken.push(Check::ok(name, fine));
        }
        self.broken.extend(findings.into_iter().map(Check::from));
    }

    /// 0 nothing to say, or warnings only; 1 something loses messages, or with `strict` doubles or stalls them; 3 something
    /// is missing, does not answer or can't be read.
    pub fn status(&self) -> u8 {
        let worst = |checks: &[Check], level| checks.iter().any(|check| check.level == level);
        let is_refused = worst(&self.broken, Level::Fail) || self.is_strict && worst(&self.broken, Level::Warn);
        if worst(&self.missing, Level::Fail) { 3 } else { u8::from(is_refused) }
    }

    pub fn text(&self, is_json: bool) -> serde_json::Result<String> {
        let checks: Vec<&Check> = self.missing.iter().chain(&self.broken).collect();
        if is_json { serde_json::to_string_pretty(&checks) } else { Ok(table(&checks)) }
    }
}

/// Every rule there is.
pub fn catalogue(is_json: bool) -> serde_json::Result<String> {
    if is_json {
        return serde_json::to_string_pretty(rules::ALL);
    }
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header(["rule", "harm", "what, why, fix"]);
    for rule in rules::ALL {
        let harm = format!("{:?}", rule.harm).to_lowercase();
        table.add_row([rule.number, &harm, &format!("{}\n{}\n→ {}", rule.title, rule.why, rule.fix)]);
    }
    Ok(table.to_string())
}

fn table(checks: &[&Check]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    for Check { rule, name, level, found, fix } in checks {
        let level = match level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let fix = fix.as_ref().map_or_else(String::new, |fix| format!("\n→ {fix}"));
        table.add_row([level, rule.unwrap_or_default(), name, &format!("{found}{fix}")]);
    }
    table.to_string()
}
