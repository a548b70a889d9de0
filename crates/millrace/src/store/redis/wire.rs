//! What goes through the commit script: units in and verdicts out as MessagePack, errors as their reactions.

use redis::RedisError;
use serde::Serialize;

use crate::store::{StoreError, Verdict};

pub(super) fn encode<T: Serialize>(group: &[T]) -> Result<Vec<u8>, StoreError> {
    let mut message = rmp_serde::to_vec_named(group).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    bytes_to_strings(&mut message);
    Ok(message)
}

/// Of each partition its verdicts, or the words in which it was refused.
pub(super) fn decode(message: &[u8]) -> Result<Vec<Result<Vec<Verdict>, StoreError>>, StoreError> {
    let outcomes: Vec<Result<Vec<Verdict>, String>> = rmp_serde::from_slice(message)
        .map_err(|error| StoreError::Corrupt(format!("commit script's answer: {error}")))?;
    let refusal =
        |words: String| if words.starts_with("EPOCH") { StoreError::Epoch } else { StoreError::Corrupt(words) };
    Ok(outcomes.into_iter().map(|outcome| outcome.map_err(refusal)).collect())
}

/// The server's `cmsgpack` knows no binary type, but its strings hold any bytes and have headers of the same lengths.
fn bytes_to_strings(message: &mut [u8]) {
    let mut at = 0;
    while at < message.len() {
        let length =
            |bytes: usize| message[at + 1..=at + bytes].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        at += match message[at] {
            0xa0..=0xbf => 1 + usize::from(message[at] & 0x1f),
            marker @ 0xc4..=0xc6 => {
                let header = 1 << (marker - 0xc4);
                let skip = 1 + header + length(header);
                message[at] = marker + (0xd9 - 0xc4);
                skip
            }
            marker @ 0xd9..=0xdb => {
                let header = 1 << (marker - 0xd9);
                1 + header + length(header)
            }
            0xcc | 0xd0 => 2,
            0xcd | 0xd1 | 0xdc | 0xde => 3,
            0xca | 0xce | 0xd2 | 0xdd | 0xdf => 5,
            0xcb | 0xcf | 0xd3 => 9,
            _ => 1,
        };
    }
}

/// Where a retry can help (refused, timed out, loading, out of memory, no replica, disk full) the server is
/// unavailable; only what the script or a read found in a key is corrupt.
pub(super) fn store_error(error: RedisError) -> StoreError {
    let words = error.to_string();
    let errors = error.into_server_errors().unwrap_or_default();
    let has = |code: &str| errors.iter().any(|(_, error)| error.code() == code);
    if has("EPOCH") {
        StoreError::Epoch
    } else if has("WRONGTYPE") || has("FORMAT") || words.contains("user_script") {
        StoreError::Corrupt(words)
    } else {
        StoreError::Unavailable(words)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::{Mark, NewWork, Park, Unit};

    #[test]
    fn every_byte_string_becomes_a_string_and_nothing_else_changes() {
        for size in [0, 1, 0xc4, 0xff, 0x100, 0xffff, 0x1_0000] {
            let record = Bytes::from(vec![0xc4; size]);
            let unit = Unit {
                mark: Mark::Reschedule { id: "x".repeat(size), from: 0xc4, to: 0xc4c4, delay_ms: u64::MAX },
                work: vec![NewWork { id: "é".into(), delay_ms: 0xc4c4_c4c4, tries: 0x7f }; 17],
                parks: vec![Park {
                    consumer: "c".into(),
                    feed: String::new(),
                    entry: "1".into(),
                    record: record.clone(),
                }],
                result: record,
                ..Unit::default()
            };
            let before = rmp_serde::to_vec_named(std::slice::from_ref(&unit)).expect("encodes");
            let after = encode(std::slice::from_ref(&unit)).expect("encodes");
            let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
            assert_eq!(changed.len(), 2, "one header for each of the two byte strings of {size}");
            assert_eq!(rmp_serde::from_slice::<Vec<Unit>>(&after).expect("decodes"), [unit]);
        }
    }
}
