//! The table, and the same for programs.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use hdrhistogram::Histogram;
use serde_json::json;

use super::load::Load;
use super::system::System;

/// Of one load on one system.
pub struct Figures {
    pub load: Load,
    pub orders: usize,
    pub took: Duration,
    /// Microseconds.
    pub latency: Histogram<u64>,
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

pub fn add(rows: &mut Vec<Row>, system: &System, figures: Figures) {
    let same = |row: &&mut Row| {
        row.system == system.name
            && row.durability == system.durability
            && row.runs.iter().all(|run| run.load == figures.load)
    };
    match rows.iter_mut().find(same) {
        Some(row) => row.runs.push(figures),
        None => rows.push(Row { system: system.name, durability: system.durability, runs: vec![figures] }),
    }
}

impl Row {
    /// In the middle of the runs, by `of`.
    fn median(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        let mut values: Vec<f64> = self.runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    fn rate(&self) -> f64 {
        self.median(|run| run.orders as f64 / run.took.as_secs_f64())
    }

    fn latency_ms(&self, quantile: f64) -> f64 {
        self.median(|run| run.latency.value_at_quantile(quantile) as f64 / 1000.0)
    }

    /// Milliseconds an order.
    fn cpu(&self, class: &str) -> f64 {
        self.median(|run| run.cpu.get(class).copied().unwrap_or_default() as f64 / run.orders as f64)
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
    let line = json!({
        "system": row.system, "durability": row.durability, "load": row.runs[0].load.to_string(),
        "runs": row.runs.len(), "orders": row.runs[0].orders, "sagasPerSecond": row.rate(),
        "p50Ms": row.latency_ms(0.5), "p95Ms": row.latency_ms(0.95), "p99Ms": row.latency_ms(0.99),
        "maxMs": row.latency_ms(1.0), "cpuMsPerSaga": cpu, "pssMb": row.pss_mb(),
    });
    format!("{line}\n")
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "system",
        "durability",
        "load",
        "sagas/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "max ms",
        "app",
        "daprd",
        "redis",
        "PSS MB",
    ]);
    for row in rows {
        let mut cells = vec![row.system.to_owned(), row.durability.to_owned(), row.runs[0].load.to_string()];
        cells.push(format!("{:.0}", row.rate()));
        cells.extend([0.5, 0.95, 0.99, 1.0].map(|quantile| format!("{:.2}", row.latency_ms(quantile))));
        cells.extend(["app", "daprd", "redis"].map(|class| format!("{:.3}", row.cpu(class))));
        cells.push(format!("{:.0}", row.pss_mb()));
        table.add_row(cells);
    }
    format!(
        "{table}\n\napp, daprd, redis: CPU-ms a saga; the middle of {} runs\n",
        rows.first().map_or(0, |row| row.runs.len())
    )
}
