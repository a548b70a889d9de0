//! The binary beside this one: how soon it starts on what is stored, how large it is, what it holds with nothing to do.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use dev::redis_answers;
use futures::future::try_join_all;
use millrace::clock::Clock;
use millrace::store::embedded::EmbeddedStore;
use millrace::store::{
    Append, Epoch, GROUP_UNITS, Gate, Leaving, NewEvent, Outcome, PARTITIONS, Partition, Settle, Store, StreamId, Unit,
};
use tokio::process::Command;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use super::{Args, Line};
use crate::drive::programs::Ports as DriverPorts;
use crate::drive::programs::{Folder, Programs, millrace, spawn, spawn_ready};
use crate::drive::subject::{Fsync, Subject};
use crate::drive::usage::pss_kb;
use crate::serve::Form;

const SERVICE: &str = "orders";
/// Nobody hears it: what is measured is the start, not what consumers do after it.
const TOPIC: &str = "orders.stored";
/// Events of one stream.
const EACH: u64 = 4;
const RECORD: usize = 600;
const SETTLED: Duration = Duration::from_secs(5);

pub fn start(args: &Args) -> anyhow::Result<Line> {
    let (bare, full) = Builder::new_current_thread().enable_all().build()?.block_on(async {
        let data = Folder::new();
        // A shop with its first data; killed, as a start must bear.
        up(&data.0, args).await?;
        let bare = median_start(&data.0, args).await?;
        fill(&data.0.join("store"), args.events).await?;
        anyhow::Ok((bare, median_start(&data.0, args).await?))
    })?;
    let (seconds, without) = (full.as_secs_f64(), bare.as_secs_f64());
    Ok(Line {
        what: "start of `up`",
        figure: format!("{seconds:.2} s with {} stored events, {without:.2} s without", args.events),
        goal: "< 1 s",
        is_met: full < Duration::from_secs(1),
    })
}

async fn median_start(data: &Path, args: &Args) -> anyhow::Result<Duration> {
    let mut starts = [up(data, args).await?, up(data, args).await?, up(data, args).await?];
    starts.sort();
    Ok(starts[1])
}

pub fn size() -> anyhow::Result<Line> {
    let bytes = millrace()?.metadata()?.len();
    Ok(Line {
        what: "release binary",
        figure: format!("{:.1} MB", bytes as f64 / 1e6),
        goal: "< 40 MB",
        is_met: bytes < 40_000_000,
    })
}

pub fn idle(args: &Args) -> anyhow::Result<Line> {
    let pss_kb = Builder::new_current_thread().enable_all().build()?.block_on(serve(args))?;
    Ok(Line {
        what: "`serve` with nothing to do",
        figure: format!("{:.1} MB PSS, {SERVICE} on Redis", pss_kb as f64 / 1024.0),
        goal: "< 20 MB",
        is_met: pss_kb < 20 * 1024,
    })
}

/// From its start to its word that it is ready.
async fn up(data: &Path, args: &Args) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let mut command = Command::new(millrace()?);
    command.arg("up").arg("--data").arg(data).args(["--port-base", &(args.port - 8000).to_string()]);
    let mut shop = spawn_ready(&mut command).await?;
    let took = begin.elapsed();
    shop.kill().await?;
    Ok(took)
}

async fn serve(args: &Args) -> anyhow::Result<u64> {
    let (folder, ports) = (Folder::new(), DriverPorts(args.port));
    let programs = Programs::find(&[Subject::Ours(Form::Redis)]).await?;
    let _redis = spawn(programs.redis(ports, Fsync::Off, &folder.0)?.stdout(Stdio::null()))?;
    redis_answers(ports.redis()).await?;
    let mut command = Command::new(millrace()?);
    command.args(["serve", SERVICE, "--store", "redis", "--bus", "dapr", "--durability", "none"]);
    command.args(["--redis-url", &format!("redis://127.0.0.1:{}", ports.redis())]);
    command.args(["--port-base", &(args.port - 8000).to_string()]);
    command.env("APP_API_TOKEN", "bench").env("DAPR_API_TOKEN", "bench").stderr(Stdio::null());
    let service = spawn(&mut command)?;
    sleep(SETTLED).await;
    pss_kb(service.id().context("`millrace serve` has ended")?)
}

/// So many events, published long ago.
async fn fill(store: &Path, events: u64) -> anyhow::Result<()> {
    let store = EmbeddedStore::disk(store, Clock::system())?;
    let each = events.div_ceil(u64::from(PARTITIONS));
    try_join_all((0..PARTITIONS).map(|number| fill_partition(&store, number, each))).await?;
    store.sync(Leaving::Answer).await?;
    Ok(())
}

async fn fill_partition(store: &EmbeddedStore, number: u8, events: u64) -> anyhow::Result<()> {
    let partition = Partition { service: SERVICE, number };
    let epoch: Epoch = match store.open(&partition).await? {
        Gate::Open(epoch) => epoch,
        Gate::Closed { run, .. } => store.reopen(&partition, &run, 0).await?,
    };
    let streams: Vec<u64> = (0..events.div_ceil(EACH)).collect();
    for some in streams.chunks(GROUP_UNITS) {
        let units: Vec<Unit> = some.iter().map(|stream| appending(&format!("{number}-{stream}"))).collect();
        store.commit(&partition, &epoch, &units).await?;
    }
    let settle = Settle {
        consumer: "~relay".to_owned(),
        feed: format!("{SERVICE}|{TOPIC}|{number:02}"),
        position: streams.len() as u64 * EACH,
        generation: 0,
        outcome: Outcome::Start,
    };
    store.commit(&partition, &epoch, &[Unit { settles: vec![settle], ..Unit::default() }]).await?;
    Ok(())
}

fn appending(stream: &str) -> Unit {
    let record = Bytes::from(format!(r#"{{"padding":"{}"}}"#, "x".repeat(RECORD)));
    let events = (0..EACH).map(|_| NewEvent { record: record.clone(), published: true }).collect();
    let stream = StreamId { topic: TOPIC.to_owned(), id: stream.to_owned() };
    Unit { appends: vec![Append { stream, expected: 0, events, snapshot: None }], ..Unit::default() }
}
