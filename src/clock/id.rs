//! Identifiers that order by time.

use uuid::Uuid;

use super::timestamp::Timestamp;
use crate::secret::random_bytes;

/// A UUID of version 7 (RFC 9562 §5.7) with the precision of a microsecond (§6.2, method 3). Unique but not
/// secret.
pub fn time_ordered_id(now: Timestamp) -> Uuid {
    id_at(now, random_bytes())
}

/// The last microsecond that fits an identifier, in the year 10889.
const LAST_MICROS: u64 = (1 << 48) * 1000 - 1;

/// The lowest identifier that [`time_ordered_id`] may return at this time.
pub fn first_id_at(time: Timestamp) -> Uuid {
    id_at(time, [0; 10])
}

fn id_at(time: Timestamp, mut random: [u8; 10]) -> Uuid {
    // A later time would overflow the 48 bits and become an early one.
    let micros = u64::try_from(time.as_micros())
        .unwrap_or_default()
        .min(LAST_MICROS);
    // "Replace Leftmost Random Bits with Increased Clock Precision", RFC 9562 §6.2: these 12.
    let fraction = (micros % 1000) * 4096 / 1000;
    let ([.., high, low], [first, second, ..]) = (fraction.to_be_bytes(), &mut random);
    (*first, *second) = (high, low);
    uuid::Builder::from_unix_timestamp_millis(micros / 1000, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_order_by_the_microsecond() {
        let last = i64::try_from(LAST_MICROS).unwrap();
        let times = [0, 1, 2, 999, 1000, 1001, 1_767_225_600_000_001, last];
        for pair in times.map(Timestamp::from_micros).windows(2) {
            let latest = id_at(pair[0], [0xFF; 10]);
            assert!(first_id_at(pair[0]) <= time_ordered_id(pair[0]));
            assert!(time_ordered_id(pair[0]) <= latest);
            assert!(latest < first_id_at(pair[1]), "{pair:?}");
        }
        let id = time_ordered_id(Timestamp::from_micros(1));
        assert_eq!(id.get_version_num(), 7);
        for later in [last + 1, i64::MAX].map(Timestamp::from_micros) {
            assert_eq!(
                first_id_at(later),
                first_id_at(Timestamp::from_micros(last))
            );
        }
        assert_ne!(id, time_ordered_id(Timestamp::from_micros(1)));
    }
}
