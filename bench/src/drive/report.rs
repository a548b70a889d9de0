//! The table, and the same for programs.

use std::collections::BTreeMap;
use std::io::Write;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde_json::json;

use super::load::{Load, Measured};

/// Sagas a second of the peers at 64 under way, on the quiet machine of four cores that the goals are stated for.
const REFERENCE: [(&str, f64); 2] = [("watermill", 1133.0), ("dapr-go", 486.0)];
/// The part of it below which a machine has too much else to do.
const QUIET: f64 = 0.85;

/// Of one load on one system.
pub struct Figures {
    pub load: Load,
    /// Orders or events.
    pub count: usize,
    pub measured: Measured,
    /// Milliseconds by class of process.
    pub cpu: BTreeMap<&'static str, u64>,
    pub pss_kb: u64,
}

/// One load on one system, run after run.
pub struct Row {
    system: &'static str,
    durability: &'static str,
    runs: Vec<Figures>,
}

pub fn add(rows: &mut Vec<Row>, system: &'static str, durability: &'static str, figures: Figures) {
    let same = |row: &&mut Row| {
        row.system == system && row.durability == durability && row.runs.iter().all(|run| run.load == figures.load)
    };
    match rows.iter_mut().find(same) {
        Some(row) => row.runs.push(figures),
        None => rows.push(Row { system, durability, runs: vec![figures] }),
    }
}

impl Row {
    /// Half of the runs are below, half above.
    fn median(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        let mut values: Vec<f64> = self.runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let (lower, upper) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        f64::midpoint(lower, upper)
    }

    fn rate(&self) -> f64 {
        self.median(|run| run.count as f64 / run.measured.took.as_secs_f64())
    }

    /// p50, p95, p99.
    fn latency_ms(&self) -> [f64; 3] {
        [0, 1, 2].map(|at| self.median(|run| run.measured.latency_ms[at]))
    }

    /// Milliseconds for one order or event.
    fn cpu(&self, class: &str) -> f64 {
        self.median(|run| run.cpu.get(class).copied().unwrap_or_default() as f64 / run.count as f64)
    }

    fn pss_mb(&self) -> f64 {
        self.median(|run| run.pss_kb as f64 / 1024.0)
    }
}

pub fn print(rows: &[Row], as_json: bool) {
    let text: String = if as_json { rows.iter().map(json).collect() } else { table(rows) };
    // Nobody may be reading.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn json(row: &Row) -> String {
    let cpu: BTreeMap<_, _> =
        row.runs.iter().flat_map(|run| run.cpu.keys()).map(|class| (class, row.cpu(class))).collect();
    let [p50, p95, p99] = row.latency_ms();
    let line = json!({
        "system": row.system, "durability": row.durability, "load": row.runs[0].load.to_string(),
        "runs": row.runs.len(), "count": row.runs[0].count, "perSecond": row.rate(),
        "p50Ms": p50, "p95Ms": p95, "p99Ms": p99, "cpuMsEach": cpu, "pssMb": row.pss_mb(),
    });
    format!("{line}\n")
}

const HEADER: [&str; 12] = [
    "system",
    "durability",
    "load",
    "per s",
    "× watermill",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "app",
    "daprd",
    "redis",
    "PSS MB",
];

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(HEADER);
    for row in rows {
        let mut cells = vec![row.system.to_owned(), row.durability.to_owned(), row.runs[0].load.to_string()];
        cells.push(format!("{:.0}", row.rate()));
        cells.push(beside(rows, row, "watermill").map_or_else(String::new, |ratio| format!("{ratio:.2}")));
        cells.extend(row.latency_ms().map(|ms| format!("{ms:.2}")));
        cells.extend(["app", "daprd", "redis"].map(|class| format!("{:.3}", row.cpu(class))));
        cells.push(format!("{:.0}", row.pss_mb()));
        table.add_row(cells);
    }
    let runs = rows.iter().map(|row| row.runs.len()).min().unwrap_or_default();
    let quiet = quiet(rows);
    format!(
        "{table}\n\napp, daprd, redis: CPU-ms an order or event. Each figure is the median of {runs} runs.\n{quiet}"
    )
}

/// The rate of `row` in that of `peer` under the same load; of its durability, if there is a row of it.
fn beside(rows: &[Row], row: &Row, peer: &str) -> Option<f64> {
    let same_load = |other: &&Row| other.system == peer && other.runs[0].load == row.runs[0].load;
    let same = rows.iter().filter(same_load).find(|other| other.durability == row.durability);
    let is_closed = matches!(row.runs[0].load, Load::Closed { .. });
    same.or_else(|| rows.iter().find(same_load)).filter(|_| is_closed).map(|other| row.rate() / other.rate())
}

/// Whether the machine gave the peers what it should; nothing without them.
fn quiet(rows: &[Row]) -> String {
    let reached: Vec<(&str, f64)> = REFERENCE
        .into_iter()
        .filter_map(|(peer, reference)| {
            let is_meant = |row: &&Row| row.system == peer && row.runs[0].load == (Load::Closed { outstanding: 64 });
            Some((peer, rows.iter().find(is_meant)?.rate() / reference))
        })
        .collect();
    if reached.len() < REFERENCE.len() {
        return String::new();
    }
    let parts: Vec<String> = reached.iter().map(|(peer, part)| format!("{peer} {:.0} %", part * 100.0)).collect();
    let is_quiet = reached.iter().all(|(_, part)| *part >= QUIET);
    let verdict = if is_quiet { "the machine was quiet enough" } else { "too much else was going on: not valid" };
    format!("Of their reference rates the peers reached: {}; {verdict}.\n", parts.join(", "))
}
