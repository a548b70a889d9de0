//! Keys and values on the disk. A change here is a change of the data directory's format.
//!
//! A key is `namespace, service, number` of the partition, one byte for its kind, then the parts named below. Texts end
//! with 0x00 (a 0x00 within becomes 0x00 0xFF) but for the last one of a key, which stays as it is so that it sorts and
//! reads back as it is; numbers are big-endian. Values are MessagePack arrays.
//!
//! | kind | key | value |
//! |---|---|---|
//! | `E` | | [`EpochRecord`] |
//! | `s` | topic, id of a stream | [`StreamHead`] |
//! | `S` | topic, id | version, state |
//! | `e` | topic, id, version | `Placed` or nil, record |
//! | `h` | topic | last position of its feed |
//! | `v` | topic | void ranges of its feed: [`Ranges`](crate::tracker::Ranges) |
//! | `f` | topic, position | stream's id, version |
//! | `r` | view, key, row | version, value |
//! | `w` | id of work | tries, due ms |
//! | `d` | due ms, id of work | tries |
//! | `q` | key of a request | expiry ms, result |
//! | `x` | expiry ms, key of a request | |
//! | `t` | consumer, feed | [`Tracker`](crate::tracker::Tracker) |
//! | `m` | consumer, feed | [`Marks`](crate::tracker::Marks) |
//! | `p` | `consumer\|feed\|entry` | [`Park`](crate::store::Park) |

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::store::{Epoch, Partition, StoreError, StreamId};
use crate::tracker::Position;

/// A partition's life: open while the store is in `run`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EpochRecord {
    pub tag: Epoch,
    pub run: String,
    /// Numbers of feeds without a head begin above it.
    pub base: Position,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct StreamHead {
    pub version: u64,
    /// Position in the topic's feed of the stream's last published event, 0 if none.
    pub placed: Position,
}

pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, StoreError> {
    rmp_serde::to_vec(value).map(Bytes::from).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// A value of one fact and a blob, which stays where it is.
pub fn decode_with<'a, T: Deserialize<'a>>(bytes: &'a Bytes) -> Result<(T, Bytes), StoreError> {
    let (fact, blob): (T, &serde_bytes::Bytes) = decode(bytes)?;
    Ok((fact, bytes.slice_ref(blob)))
}

pub fn encode_with<T: Serialize>(fact: T, blob: &[u8]) -> Result<Bytes, StoreError> {
    encode(&(fact, serde_bytes::Bytes::new(blob)))
}

/// Makes the keys of one partition.
pub struct Keys(Vec<u8>);

impl Keys {
    pub fn new(namespace: &str, partition: &Partition) -> Self {
        Self(Key(Vec::new()).text(namespace).text(partition.service).number8(partition.number).0)
    }

    fn kind(&self, kind: u8) -> Key {
        let mut key = Vec::with_capacity(self.0.len() + 64);
        key.extend_from_slice(&self.0);
        key.push(kind);
        Key(key)
    }

    pub fn epoch(&self) -> Vec<u8> {
        self.kind(b'E').0
    }

    pub fn stream(&self, stream: &StreamId) -> Vec<u8> {
        self.kind(b's').text(&stream.topic).last(&stream.id)
    }

    pub fn snapshot(&self, stream: &StreamId) -> Vec<u8> {
        self.kind(b'S').text(&stream.topic).last(&stream.id)
    }

    pub fn event(&self, topic: &str, stream: &str, version: u64) -> Vec<u8> {
        self.kind(b'e').text(topic).text(stream).number(version).0
    }

    pub fn heads(&self) -> Vec<u8> {
        self.kind(b'h').0
    }

    pub fn head(&self, topic: &str) -> Vec<u8> {
        self.kind(b'h').last(topic)
    }

    pub fn void(&self, topic: &str) -> Vec<u8> {
        self.kind(b'v').last(topic)
    }

    pub fn entry(&self, topic: &str, position: Position) -> Vec<u8> {
        self.kind(b'f').text(topic).number(position).0
    }

    pub fn rows(&self, view: &str, key: &str) -> Vec<u8> {
        self.kind(b'r').text(view).text(key).0
    }

    pub fn row(&self, view: &str, key: &str, row: &str) -> Vec<u8> {
        Key(self.rows(view, key)).last(row)
    }

    pub fn work(&self, id: &str) -> Vec<u8> {
        self.kind(b'w').last(id)
    }

    pub fn agenda(&self) -> Vec<u8> {
        self.kind(b'd').0
    }

    pub fn due(&self, due_ms: u64, id: &str) -> Vec<u8> {
        self.kind(b'd').number(due_ms).last(id)
    }

    pub fn request(&self, key: &str) -> Vec<u8> {
        self.kind(b'q').last(key)
    }

    pub fn expiries(&self) -> Vec<u8> {
        self.kind(b'x').0
    }

    pub fn expiry(&self, expiry_ms: u64, key: &str) -> Vec<u8> {
        self.kind(b'x').number(expiry_ms).last(key)
    }

    pub fn trackers(&self) -> Vec<u8> {
        self.kind(b't').0
    }

    pub fn tracker(&self, consumer: &str, feed: &str) -> Vec<u8> {
        self.kind(b't').text(consumer).last(feed)
    }

    pub fn all_marks(&self) -> Vec<u8> {
        self.kind(b'm').0
    }

    pub fn marks(&self, consumer: &str, feed: &str) -> Vec<u8> {
        self.kind(b'm').text(consumer).last(feed)
    }

    pub fn parks(&self) -> Vec<u8> {
        self.kind(b'p').0
    }

    pub fn park(&self, consumer: &str, feed: &str, entry: &str) -> Vec<u8> {
        let mut key = self.kind(b'p');
        for text in [consumer, "|", feed, "|", entry] {
            key.0.extend_from_slice(text.as_bytes());
        }
        key.0
    }
}

struct Key(Vec<u8>);

impl Key {
    fn text(mut self, text: &str) -> Self {
        for (n, piece) in text.as_bytes().split(|byte| *byte == 0).enumerate() {
            if n > 0 {
                self.0.extend_from_slice(&[0, 0xFF]);
            }
            self.0.extend_from_slice(piece);
        }
        self.0.push(0);
        self
    }

    fn last(mut self, text: &str) -> Vec<u8> {
        self.0.extend_from_slice(text.as_bytes());
        self.0
    }

    fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    fn number8(mut self, number: u8) -> Self {
        self.0.push(number);
        self
    }
}

/// The last text of a key, after `prefix` bytes.
pub fn rest(key: &[u8], prefix: usize) -> Result<&str, StoreError> {
    std::str::from_utf8(key.get(prefix..).unwrap_or_default()).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Both texts of a key, after `prefix` bytes; the first one holds no 0x00.
pub fn two(key: &[u8], prefix: usize) -> Result<(&str, &str), StoreError> {
    rest(key, prefix)?.split_once('\0').ok_or_else(|| StoreError::Corrupt("key too short".to_owned()))
}

/// The number and the last text of a key, after `prefix` bytes.
pub fn number(key: &[u8], prefix: usize) -> Result<(u64, &str), StoreError> {
    let number = key.get(prefix..).and_then(|rest| rest.first_chunk());
    let number = number.ok_or_else(|| StoreError::Corrupt("key too short".to_owned()))?;
    Ok((u64::from_be_bytes(*number), rest(key, prefix + size_of::<u64>())?))
}
