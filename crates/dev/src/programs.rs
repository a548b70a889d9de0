//! The programs of others that `dev` needs: where they are looked for, and which versions have been tried against the
//! shop's guarantees.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::process::Command;

pub type Version = [u32; 3];

pub struct Program {
    pub names: &'static [&'static str],
    pub variable: &'static str,
    pub oldest: Version,
    /// A new major has not been tried.
    same_major: bool,
    /// What fetches it.
    pub tool: &'static str,
}

pub const DAPRD: Program = Program {
    names: &["daprd"],
    variable: "MILLRACE_DAPRD",
    oldest: [1, 18, 2],
    same_major: true,
    tool: "tools/get-daprd",
};
pub const REDIS: Program = Program {
    names: &["redis-server", "valkey-server"],
    variable: "MILLRACE_REDIS_SERVER",
    oldest: [7, 0, 0],
    same_major: false,
    tool: "tools/get-redis",
};

impl Program {
    /// The given one, else the first that fits: in PATH, in the Dapr CLI's folder, among what the tools fetched.
    pub async fn find(&self, given: Option<&Path>) -> anyhow::Result<(PathBuf, Version)> {
        let fix = format!("type: export {}=$({})", self.variable, self.tool);
        if let Some(path) = given {
            let version =
                version(path).await.with_context(|| format!("{} is no {}; {fix}", path.display(), self.names[0]))?;
            anyhow::ensure!(self.fits(version), "{} is version {}; {fix}", path.display(), dotted(version));
            return Ok((std::path::absolute(path)?, version));
        }
        for path in self.candidates() {
            if let Some(version) = version(&path).await.filter(|version| self.fits(*version)) {
                return Ok((std::path::absolute(path)?, version));
            }
        }
        anyhow::bail!("{} {} or newer is missing; {fix}", self.names[0], dotted(self.oldest))
    }

    fn fits(&self, version: Version) -> bool {
        version >= self.oldest && (!self.same_major || version[0] == self.oldest[0])
    }

    fn candidates(&self) -> Vec<PathBuf> {
        let folder = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
        let mut folders: Vec<PathBuf> = std::env::split_paths(&folder("PATH").unwrap_or_default()).collect();
        folders.extend(folder("HOME").map(|home| home.join(".dapr/bin")));
        let named = self.names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let mut found: Vec<PathBuf> = named.filter(|path| path.is_file()).collect();
        let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        let fetched = cache.and_then(|cache| std::fs::read_dir(cache.join("millrace")).ok()).into_iter().flatten();
        found.extend(fetched.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            path.is_file() && self.names.iter().any(|known| name.starts_with(&format!("{known}-")))
        }));
        found
    }
}

/// What `--version` says.
pub async fn version(program: &Path) -> Option<Version> {
    let output = Command::new(program).arg("--version").output().await.ok()?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// The first word that has two dots or one between numbers.
pub fn parse(text: &str) -> Option<Version> {
    text.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches(|character: char| !character.is_ascii_digit());
        let numbers: Vec<u32> = word.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect();
        (numbers.len() >= 2).then(|| [numbers[0], numbers[1], numbers.get(2).copied().unwrap_or(0)])
    })
}

pub fn dotted([major, minor, patch]: Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(parse("1.18.2"), Some([1, 18, 2]));
        assert_eq!(parse("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), Some([7, 0, 15]));
        assert_eq!(parse("cargo 1.95.0 (f2d3ce0bd 2026-03-21)"), Some([1, 95, 0]));
        assert_eq!(parse("go version go1.26.8 linux/amd64"), Some([1, 26, 8]));
        assert_eq!(parse("edge"), None);
    }

    #[test]
    fn an_untried_major_of_daprd_does_not_fit_and_one_of_redis_does() {
        assert_eq!([[1, 18, 1], [1, 18, 2], [1, 19, 0], [2, 0, 0]].map(|v| DAPRD.fits(v)), [false, true, true, false]);
        assert_eq!([[6, 2, 9], [7, 0, 0], [8, 1, 0]].map(|v| REDIS.fits(v)), [false, true, true]);
    }
}
