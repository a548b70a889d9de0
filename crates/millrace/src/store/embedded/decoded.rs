//! What a group reads and writes more than once: what the units before have left, and values kept decoded until its end.

use std::collections::btree_map::{BTreeMap, Entry};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format;
use crate::store::StoreError;
use crate::store::kv::{Batch, Kv};

/// With whether it was changed.
pub type Decoded<T> = BTreeMap<Vec<u8>, (T, bool)>;

/// What the units before have left.
pub fn get(batch: &Batch, kv: &dyn Kv, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
    batch.get(key).map_or_else(|| kv.get(key), |written| Ok(written.cloned()))
}

pub fn decoded<'a, T: DeserializeOwned + Default>(
    kv: &dyn Kv,
    known: &'a mut Decoded<T>,
    key: Vec<u8>,
) -> Result<&'a mut (T, bool), StoreError> {
    Ok(match known.entry(key) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => {
            let stored = kv.get(new.key())?.map(|stored| format::decode(&stored)).transpose()?;
            new.insert((stored.unwrap_or_default(), false))
        }
    })
}

pub fn flush<T: Serialize>(known: &Decoded<T>, batch: &mut Batch) -> Result<(), StoreError> {
    known.iter().filter(|(_, (_, changed))| *changed).try_for_each(|(key, (value, _))| {
        batch.put(key.clone(), format::encode(value)?);
        Ok(())
    })
}
