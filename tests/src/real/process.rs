//! A service with a runtime of its own, which is to it what a process is: killed, every task, socket and connection of
//! it is gone at its next await.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use axum::Router;
use millrace::Service;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::machine::LOOK;

/// How long a killed process may keep its ports.
const RELEASE: Duration = Duration::from_secs(10);

pub struct Process {
    runtime: Option<Runtime>,
    pub service: Service,
}

impl Process {
    /// `start` runs inside; what it returns beside the service is served, each router on its port.
    pub async fn start<S>(start: S) -> Self
    where
        S: Future<Output = (Service, Vec<(u16, Router)>)> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let started = runtime.spawn(async {
            let (service, routers) = start.await;
            for (port, router) in routers {
                serve(port, router).await;
            }
            service
        });
        let service = started.await.expect("a service that starts");
        Self { runtime: Some(runtime), service }
    }
}

impl Drop for Process {
    /// As kill −9.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Serves in the background, in the present runtime.
pub async fn serve(port: u16, router: Router) {
    let bound = async {
        loop {
            // One that was killed lets go of its port a moment later.
            match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    };
    let listener = tokio::time::timeout(RELEASE, bound).await.unwrap_or_else(|_| panic!("port {port} is taken"));
    tokio::spawn(axum::serve(listener, router).into_future());
}
