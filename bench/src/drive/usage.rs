//! What processes use, from `/proc`.

use std::collections::BTreeMap;

use anyhow::Context;

/// The kernel's clock ticks a second in `/proc`, on every platform it runs on today.
const TICKS: u64 = 100;

/// Of a system at one moment.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Milliseconds by class of process.
    pub cpu: BTreeMap<&'static str, u64>,
    /// Proportional set size of all.
    pub pss_kb: u64,
}

impl Usage {
    pub fn of(processes: impl Iterator<Item = (&'static str, u32)>) -> anyhow::Result<Self> {
        let mut usage = Self::default();
        for (class, pid) in processes {
            *usage.cpu.entry(class).or_default() += cpu_ms(pid)?;
            usage.pss_kb += pss_kb(pid)?;
        }
        Ok(usage)
    }

    /// CPU since then.
    pub fn since(&self, before: &Self) -> BTreeMap<&'static str, u64> {
        let used = |(class, ms): (&&'static str, &u64)| (*class, ms - before.cpu.get(class).unwrap_or(&0));
        self.cpu.iter().map(used).collect()
    }
}

fn cpu_ms(pid: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("a process has ended")?;
    // The second field is a name in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("not a stat")?;
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or_default());
    Ok(ticks.sum::<u64>() * 1000 / TICKS)
}

/// Proportional set size.
pub fn pss_kb(pid: u32) -> anyhow::Result<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let pss =
        rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    pss.context("no Pss in smaps_rollup")
}
