//! Which of a service's partitions a key belongs to. Frozen: another answer for a stored key loses its streams.

use crc::{CRC_16_XMODEM, Crc};

use crate::store::PARTITIONS;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

pub fn partition_of(key: &str) -> u8 {
    (crc16(key) % u16::from(PARTITIONS)) as u8
}

/// The checksum that Redis Cluster assigns slots by, too.
pub(crate) fn crc16(text: &str) -> u16 {
    CRC.checksum(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc16_xmodem() {
        assert_eq!(crc16("123456789"), 0x31C3);
    }

    #[test]
    fn known_keys_keep_their_partitions() {
        assert_eq!(partition_of("123456789"), 3);
        assert_eq!(partition_of(""), 0);
        assert_eq!(partition_of("018f4e1e-7b3a-7c11-8a55-0242ac120002"), 26);
        assert_eq!(partition_of("main"), 21);
    }

    #[test]
    fn keys_spread_over_all_partitions() {
        let mut hits = [0_u32; PARTITIONS as usize];
        for number in 0..6_400 {
            hits[usize::from(partition_of(&format!("order-{number}")))] += 1;
        }
        assert!(hits.iter().all(|&count| (80..=120).contains(&count)), "{hits:?}");
    }
}
