//! A system under test: its processes, from start to end. All of them end with the driver.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use dev::{EXIT_WITH_STDIN, redis_answers};
use futures::future::join_all;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::load::{Load, Measured};
use super::programs::{Folder, Ports, Programs};
use super::report::Figures;
use super::subject::{Fsync, Subject};
use super::usage::Usage;
use crate::serve::Job;

const START: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

pub struct System {
    job: Job,
    ports: Ports,
    processes: Vec<(&'static str, Child)>,
    folder: Folder,
}

impl System {
    pub async fn start(
        job: Job,
        subject: Subject,
        fsync: Fsync,
        port: u16,
        programs: &Programs,
    ) -> anyhow::Result<Self> {
        let mut system = Self { job, ports: Ports(port), processes: Vec::new(), folder: Folder::new() };
        if subject.has_redis() {
            system.spawn("redis", programs.redis(system.ports, fsync, &system.folder.0)?)?;
            redis_answers(system.ports.redis()).await?;
        }
        if subject.has_sidecars() {
            programs.resources(subject, &system.folder.0)?;
            for (place, service) in job.services().iter().enumerate() {
                let daprd = programs.daprd(subject, system.ports, place, service, &system.folder.0)?;
                system.spawn("daprd", daprd)?;
            }
        }
        system.start_services(subject, programs)?;
        timeout(START, system.ready(subject)).await.with_context(|| format!("{} does not start", subject.name()))?;
        Ok(system)
    }

    fn start_services(&mut self, subject: Subject, programs: &Programs) -> anyhow::Result<()> {
        let processes = if subject.is_one_process() { vec!["all"] } else { self.job.services().to_vec() };
        for (place, service) in processes.into_iter().enumerate() {
            let mut command = match subject {
                Subject::Ours(form) => {
                    let mut ours = Command::new(std::env::current_exe()?);
                    ours.args(["serve", "--form", &name(form)?, "--job", &name(self.job)?]);
                    ours
                }
                Subject::Peer(peer) => Command::new(programs.peer(peer)?),
            };
            command.args(["--service", service, "--port", &self.ports.service(place).to_string()]);
            if subject.has_redis() {
                command.args(["--redis", &format!("127.0.0.1:{}", self.ports.redis())]);
            } else {
                command.arg("--data").arg(&self.folder.0);
            }
            if subject.has_sidecars() {
                command.args(["--dapr-http-port", &self.ports.daprd(place).to_string()]);
            }
            self.spawn("app", command)?;
        }
        Ok(())
    }

    fn spawn(&mut self, class: &'static str, mut command: Command) -> anyhow::Result<()> {
        // Ours end by themselves when the pipe closes, however the driver ends. A group of its own: ctrl-C is for the driver.
        command.env(EXIT_WITH_STDIN, "1").stdin(Stdio::piped()).stdout(Stdio::null());
        let child = command.kill_on_drop(true).process_group(0).spawn();
        let child = child.with_context(|| format!("cannot start {:?}", command.as_std().get_program()))?;
        self.processes.push((class, child));
        Ok(())
    }

    async fn ready(&self, subject: Subject) {
        let client = self.client();
        for place in 0..self.job.services().len() {
            while !client.is_ready(self.ports.service(place), "/healthz").await {
                sleep(LOOK).await;
            }
            while subject.has_sidecars() && !client.is_ready(self.ports.daprd(place), "/v1.0/healthz").await {
                sleep(LOOK).await;
            }
        }
    }

    pub fn client(&self) -> Client {
        Client::new((0..self.job.services().len()).map(|place| self.ports.service(place)).collect())
    }

    /// `doing`, with what it cost.
    pub async fn measured(
        &self,
        load: Load,
        count: usize,
        doing: impl Future<Output = anyhow::Result<Measured>>,
    ) -> anyhow::Result<Figures> {
        let before = self.usage()?;
        let measured = doing.await?;
        // What follows the last end (publishing, marks) is part of it.
        sleep(LOOK * 10).await;
        let after = self.usage()?;
        Ok(Figures { load, count, measured, cpu: after.since(&before), pss_kb: after.pss_kb })
    }

    fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.processes.iter().filter_map(|(class, child)| Some((*class, child.id()?))))
    }

    /// What it has stored nobody asks for any more.
    pub async fn stop(mut self) {
        join_all(self.processes.iter_mut().map(|(_, child)| child.kill())).await;
    }
}

fn name(value: impl ValueEnum) -> anyhow::Result<String> {
    Ok(value.to_possible_value().context("every value has a name")?.get_name().to_owned())
}
