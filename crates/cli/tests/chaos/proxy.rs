//! A TCP link that can be put in trouble: cut, slow, half-open, half-closed. Knows nothing of what it carries.

use std::io;
use std::time::Duration;

use host::ports::local;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::pace::pause;

const PIECE: usize = 16 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// What is open is reset, and so is whoever comes.
    Cut,
    /// Each piece is held back for so long, in both directions.
    Slow(Duration),
    /// Connections are taken and kept open, and what is sent is swallowed. Reset when it is over: bytes are missing.
    HalfOpen,
    /// Questions arrive; in place of the answers the asker sees the end of the stream.
    HalfClosed,
}

/// Listens as long as it lives.
pub struct Link(watch::Sender<Trouble>);

impl Link {
    pub async fn open(at: u16, to: u16) -> Self {
        let listener = TcpListener::bind(local(at)).await.expect("the port of a link is free");
        let sender = watch::Sender::new(Trouble::None);
        let trouble = sender.subscribe();
        tokio::spawn(async move {
            let mut over = trouble.clone();
            let accepting = async {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(carry(stream, to, trouble.clone()));
                }
            };
            tokio::select! {
                biased;
                _ = over.wait_for(|_| false) => {}
                () = accepting => {}
            }
        });
        Self(sender)
    }

    pub fn set(&self, trouble: Trouble) {
        self.0.send_replace(trouble);
    }
}

/// Ends by a reset of both sides, but where both have said that they are done.
async fn carry(mut near: TcpStream, to: u16, mut trouble: watch::Receiver<Trouble>) {
    if *trouble.borrow() != Trouble::Cut
        && let Ok(mut far) = TcpStream::connect(local(to)).await
    {
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((near_reads, near_writes), (far_reads, far_writes)) = (near.split(), far.split());
        let (there, back) = (trouble.clone(), trouble.clone());
        let passed = tokio::select! {
            biased;
            // Also when the link is gone for good.
            _ = trouble.wait_for(|trouble| *trouble == Trouble::Cut) => false,
            passed = async { tokio::try_join!(pass(near_reads, far_writes, there, false), pass(far_reads, near_writes, back, true)) } => passed.is_ok(),
        };
        if passed {
            return;
        }
        let _ = far.set_zero_linger();
    }
    let _ = near.set_zero_linger();
}

/// One direction, until its sender is done.
async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut trouble: watch::Receiver<Trouble>,
    is_answer: bool,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        let now = *trouble.borrow();
        match now {
            Trouble::Slow(time) => pause(time).await,
            Trouble::HalfOpen => {
                let _ = trouble.wait_for(|trouble| *trouble != Trouble::HalfOpen).await;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Trouble::HalfClosed if is_answer => {
                to.shutdown().await?;
                while from.read(&mut piece).await? != 0 {}
                return Ok(());
            }
            _ => {}
        }
        to.write_all(&piece[..length]).await?;
    }
}
