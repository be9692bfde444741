//! Moments as people and programs exchange them.

use orch_rules::ids::Timestamp;

/// RFC 3339 in UTC, for example `2026-11-20T23:26:22.5Z`. A moment beyond the calendar is moved to its nearest end.
#[must_use]
pub fn rfc3339(moment: Timestamp) -> String {
    let nearest = if moment.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(moment.0).unwrap_or(nearest).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp(1_795_217_182_500)), "2026-11-20T23:26:22.5Z");
        assert_eq!(rfc3339(Timestamp(-1)), "1969-12-31T23:59:59.999Z");
        assert!(rfc3339(Timestamp(i64::MAX)).starts_with("9999-12-30"));
        assert!(rfc3339(Timestamp(i64::MIN)).starts_with("-009999-"));
    }
}
