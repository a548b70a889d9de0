//! A way to a Redis on which its answers can be held back: of what it does from then on, nobody was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use super::machine::free_port;

pub struct Muzzle {
    port: u16,
    closed: Arc<AtomicBool>,
}

impl Muzzle {
    pub async fn before(to: u16) -> Self {
        let (port, closed) = (free_port(), Arc::new(AtomicBool::new(false)));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port was free");
        let muzzle = Self { port, closed: closed.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, to, closed.clone()));
            }
        });
        muzzle
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// No answer that is not on its way yet reaches anyone.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }
}

/// Ends both directions with either.
async fn pass(mut client: TcpStream, to: u16, closed: Arc<AtomicBool>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let ((mut asks, mut told), (mut answers, mut asked)) = (client.split(), server.split());
    let questions = async { drop(copy(&mut asks, &mut asked).await) };
    let answers = async {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(read @ 1..) = answers.read(&mut bytes).await {
            if closed.load(Ordering::SeqCst) || told.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = answers => {}
        () = questions => {}
    }
}
