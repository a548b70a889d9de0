//! The receiving side of SMTP (RFC 5321), no more than a submission needs: no TLS, no authentication,
//! no relaying.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::mailbox::Mailbox;

/// RFC 5321, 4.5.3.2.7: a server waits at least five minutes for a command.
const PATIENCE: Duration = Duration::from_secs(300);
const MESSAGE_BYTES: usize = 1 << 20;
/// RFC 5321, 4.5.3.1.6 asks for 1,000; senders of long lines exist.
const LINE_BYTES: u64 = 16 << 10;

/// Takes mail until dropped.
pub async fn serve(listener: TcpListener, mailbox: Mailbox) -> io::Result<()> {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = sessions.join_next() => {}
            accepted = listener.accept() => {
                let (stream, mailbox) = (accepted?.0, mailbox.clone());
                sessions.spawn(async move {
                    if let Err(error) = (Session { stream: BufStream::new(stream), has_sender: false, has_recipient: false }).run(&mailbox).await {
                        tracing::debug!(%error, "mail session ended early");
                    }
                });
            }
        }
    }
}

struct Session {
    stream: BufStream<TcpStream>,
    has_sender: bool,
    has_recipient: bool,
}

impl Session {
    async fn run(&mut self, mailbox: &Mailbox) -> io::Result<()> {
        self.reply("220 sandbox").await?;
        loop {
            let line = String::from_utf8_lossy(&self.line().await?).to_ascii_uppercase();
            let verb = line.split_whitespace().next().unwrap_or_default();
            let answer = match verb {
                "HELO" | "EHLO" | "RSET" => self.reset("250 sandbox"),
                "NOOP" => "250 ok",
                "MAIL" if line.starts_with("MAIL FROM:") => {
                    self.has_sender = true;
                    "250 ok"
                }
                "RCPT" if self.has_sender && line.starts_with("RCPT TO:") => {
                    self.has_recipient = true;
                    "250 ok"
                }
                "DATA" if self.has_recipient => {
                    self.reply("354 end with a dot").await?;
                    let message = self.message().await?;
                    let kept = mailbox.receive(&message).await;
                    self.reset(if kept.is_ok() { "250 kept" } else { "451 not kept, try again" })
                }
                "MAIL" | "RCPT" => "501 not understood",
                "DATA" => "503 no recipient",
                "QUIT" => return self.reply("221 bye").await,
                _ => "500 unknown command",
            };
            self.reply(answer).await?;
        }
    }

    fn reset(&mut self, answer: &'static str) -> &'static str {
        (self.has_sender, self.has_recipient) = (false, false);
        answer
    }

    async fn reply(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LINE_BYTES);
        tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await??;
        if line.ends_with(b"\n") { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// The lines up to the single dot, each without the dot that stuffs it.
    async fn message(&mut self) -> io::Result<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let line = self.line().await?;
            if line == b".\r\n" {
                return Ok(message);
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if message.len() > MESSAGE_BYTES {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
    }
}
