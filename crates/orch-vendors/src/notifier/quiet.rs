//! Hours in which somebody is told of nothing: what is still so when they are over is told then.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp as Moment, ToSpan as _};
use orch_ports::PortResult;
use orch_ports::notifier::Notifier;
use orch_rules::ids::Timestamp;
use orch_rules::notice::{Notice, NoticeKind};

/// A stretch of every day, on the clock of a time zone; it may go over midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    until: Time,
    zone: TimeZone,
}

impl QuietHours {
    /// Of `22:00-07:30`; `None` if it is not written so, or is no time at all.
    pub fn of(text: &str, zone: TimeZone) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let (from, until) = (time(from)?, time(until)?);
        (from != until).then_some(Self { from, until, zone })
    }

    /// When the stretch ends that `now` is in.
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let here = Moment::from_millisecond(now.0).ok()?.to_zoned(self.zone.clone());
        let time = here.time();
        let over_midnight = self.from > self.until;
        let (today, tomorrow) = match over_midnight {
            false => (time >= self.from && time < self.until, false),
            true => (time < self.until, time >= self.from),
        };
        let date = match (today, tomorrow) {
            (true, _) => here.date(),
            (_, true) => here.date().checked_add(1.day()).ok()?,
            _ => return None,
        };
        // A clock that is put forward over that time has it a little later.
        let end = date.to_datetime(self.until).to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp(end.timestamp().as_millisecond()))
    }
}

/// A notifier with quiet hours.
pub struct Quiet<N> {
    /// Who is told in the other hours.
    pub notifier: N,
    /// When not.
    pub hours: QuietHours,
}

impl<N: Notifier> Notifier for Quiet<N> {
    fn name(&self) -> &str {
        self.notifier.name()
    }
    fn wants(&self, kind: &NoticeKind) -> bool {
        self.notifier.wants(kind)
    }
    fn fingerprint(&self) -> String {
        self.notifier.fingerprint()
    }
    fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.hours.end(now)
    }
    fn notify(&self, key: &str, notice: &Notice) -> PortResult<()> {
        self.notifier.notify(key, notice)
    }
    fn look(&self) -> Result<String, String> {
        self.notifier.look()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<Moment>().unwrap().as_millisecond())
    }

    #[test]
    fn a_stretch_ends_on_the_clock_of_its_zone() {
        let zone = || TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let night = QuietHours::of("22:00-07:30", zone()).unwrap();
        let ends = |now: &str| night.end(at(now));
        assert_eq!(ends("2026-11-30T20:59:59Z"), None);
        assert_eq!(ends("2026-11-30T21:00:00Z"), Some(at("2026-12-01T06:30:00Z")));
        assert_eq!(ends("2026-12-01T06:29:59Z"), Some(at("2026-12-01T06:30:00Z")));
        assert_eq!(ends("2026-12-01T06:30:00Z"), None);
        // The night in which clocks are put forward is an hour shorter.
        assert_eq!(ends("2027-03-27T22:00:00Z"), Some(at("2027-03-28T05:30:00Z")));
        let noon = QuietHours::of("12:00 - 13:00", TimeZone::UTC).unwrap();
        assert_eq!(noon.end(at("2026-11-30T12:30:00Z")), Some(at("2026-11-30T13:00:00Z")));
        assert_eq!(noon.end(at("2026-11-30T13:00:00Z")), None);
        for wrong in ["22:00", "22-7", "24:30-01:00", "08:00-08:00", "", "a-b"] {
            assert_eq!(QuietHours::of(wrong, TimeZone::UTC), None, "{wrong}");
        }
    }
}
