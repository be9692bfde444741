//! Words, numbers and times in the language and the time zone of a person.

use axum::http::{HeaderMap, header};
use jiff::tz::TimeZone;
use orch_rules::ids::Timestamp;
use orch_text::Language;

use crate::door::LoggedIn;
use crate::reply::cookie;

/// Cookie with the time zone, as browsers name it.
pub(crate) const ZONE: &str = "orch-zone";

/// How somebody is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    pub language: Language,
    zone: TimeZone,
}

/// Part of a page that is HTML already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Html(pub String);

impl std::fmt::Display for Html {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Voice {
    /// In a language, in the zone of that name; UTC if it is none.
    pub fn new(language: Language, zone: Option<&str>) -> Self {
        let zone = zone.filter(|zone| zone.len() < 64 && !zone.contains("..") && !zone.starts_with('/'));
        // Browsers' names have slashes, which cookies keep as they are.
        let zone = zone.and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC);
        Self { language, zone }
    }

    /// To somebody of whom only the browser is known.
    pub fn of_headers(headers: &HeaderMap) -> Self {
        let chosen = cookie(headers, crate::door::LANGUAGE).and_then(Language::of_tag);
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self::new(chosen.unwrap_or_else(|| Language::of_header(wanted)), cookie(headers, ZONE))
    }

    /// A text.
    pub fn t(&self, id: &str) -> String {
        orch_text::page(id, &[], None, self.language)
    }

    /// A text about so many.
    pub fn n(&self, id: &str, count: impl TryInto<u64>) -> String {
        let count = count.try_into().unwrap_or(u64::MAX);
        let shown = self.number(count);
        orch_text::page(id, &[("shown", &shown)], Some(count), self.language)
    }

    /// A text with arguments.
    pub fn w(&self, id: &str, args: &[(&str, &str)]) -> String {
        orch_text::page(id, args, None, self.language)
    }

    /// A text with one argument.
    pub fn w1(&self, id: &str, name: &str, value: impl std::fmt::Display) -> String {
        self.w(id, &[(name, &value.to_string())])
    }

    pub fn is_russian(&self) -> bool {
        self.language == Language::Russian
    }

    /// `1,389`, `45.2k`, `1.2M`.
    pub fn number(&self, number: u64) -> String {
        let (value, unit) = match number {
            0..10_000 => return self.grouped(number),
            10_000..1_000_000 => (number as f64 / 1e3, if self.is_russian() { "\u{a0}тыс." } else { "k" }),
            _ => (number as f64 / 1e6, if self.is_russian() { "\u{a0}млн" } else { "M" }),
        };
        let digits = if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        format!("{}{unit}", if self.is_russian() { digits.replace('.', ",") } else { digits })
    }

    fn grouped(&self, number: u64) -> String {
        let digits = number.to_string();
        match digits.len() {
            4 => format!("{}{}{}", &digits[..1], if self.is_russian() { "\u{a0}" } else { "," }, &digits[1..]),
            _ => digits,
        }
    }

    /// `$1.89`, of millionths of a US dollar.
    pub fn money(&self, micros: u64) -> String {
        let russian = self.is_russian();
        if micros > 0 && micros < 10_000 {
            return if russian { "<\u{a0}0,01\u{a0}$".to_owned() } else { "< $0.01".to_owned() };
        }
        let cents = (micros + 5_000) / 10_000;
        match russian {
            true => format!("{},{:02}\u{a0}$", cents / 100, cents % 100),
            false => format!("${}.{:02}", cents / 100, cents % 100),
        }
    }

    /// `6 min 12 s`, of milliseconds.
    pub fn span(&self, ms: i64) -> String {
        let [s, min, h, d] = if self.is_russian() { ["с", "мин", "ч", "д"] } else { ["s", "min", "h", "d"] };
        let seconds = (ms.max(0) + 500) / 1000;
        let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
            0 => format!("{large}\u{a0}{large_unit}"),
            _ => format!("{large}\u{a0}{large_unit} {small}\u{a0}{small_unit}"),
        };
        match seconds {
            0..60 => format!("{seconds}\u{a0}{s}"),
            60..600 => two(seconds / 60, min, seconds % 60, s),
            600..3_600 => format!("{}\u{a0}{min}", seconds / 60),
            3_600..86_400 => two(seconds / 3_600, h, seconds % 3_600 / 60, min),
            _ => format!("{}\u{a0}{d}", seconds / 86_400),
        }
    }

    /// One unit is enough for a row.
    pub fn age(&self, ms: i64) -> String {
        let [s, min, h, d] = if self.is_russian() { ["с", "мин", "ч", "д"] } else { ["s", "min", "h", "d"] };
        let seconds = ms.max(0) / 1000;
        let (value, unit) = match seconds {
            0..60 => (seconds, s),
            60..3_600 => (seconds / 60, min),
            3_600..86_400 => (seconds / 3_600, h),
            _ => (seconds / 86_400, d),
        };
        format!("{value}\u{a0}{unit}")
    }

    fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(self.zone.clone())
    }

    /// `14:02`.
    pub fn clock(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%H:%M").to_string()
    }

    /// `14:02:10`.
    pub fn seconds(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%H:%M:%S").to_string()
    }

    /// `14:02` of today, else `29 Nov, 18:31`, else `29 Nov 2025`.
    pub fn moment(&self, at: Timestamp, now: Timestamp) -> String {
        let (at, now) = (self.zoned(at), self.zoned(now));
        if at.date() == now.date() {
            return at.strftime("%H:%M").to_string();
        }
        let day = format!("{}\u{a0}{}", at.day(), self.month(at.month()));
        match at.year() == now.year() {
            true => format!("{day}, {}", at.strftime("%H:%M")),
            false => format!("{day} {}", at.year()),
        }
    }

    /// `29 Nov 2026`.
    pub fn day(&self, at: Timestamp) -> String {
        let at = self.zoned(at);
        format!("{}\u{a0}{} {}", at.day(), self.month(at.month()), at.year())
    }

    fn exact(&self, at: Timestamp) -> String {
        let zoned = self.zoned(at);
        format!("{}, {} ({})", self.day(at), zoned.strftime("%H:%M:%S"), zoned.strftime("%Z"))
    }

    fn month(&self, month: i8) -> &'static str {
        const ENGLISH: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        const RUSSIAN: [&str; 12] =
            ["янв.", "февр.", "марта", "апр.", "мая", "июня", "июля", "авг.", "сент.", "окт.", "нояб.", "дек."];
        let at = usize::try_from(month - 1).unwrap_or_default().min(11);
        if self.is_russian() { RUSSIAN[at] } else { ENGLISH[at] }
    }

    fn time(&self, at: Timestamp, live: &str, text: &str) -> Html {
        let iso = orch_text::rfc3339(at);
        Html(format!("<time datetime=\"{iso}\"{live} title=\"{}\">{text}</time>", self.exact(at)))
    }

    /// A clock time or a date, with the exact moment behind it.
    pub fn when(&self, at: Timestamp, now: Timestamp) -> Html {
        self.time(at, "", &self.moment(at, now))
    }

    /// `18 min ago` within a day, else a date; a script goes on counting.
    pub fn ago(&self, at: Timestamp, now: Timestamp) -> Html {
        let passed = now.0 - at.0;
        if passed >= 86_400_000 {
            return self.when(at, now);
        }
        self.time(at, " data-live=\"ago\"", &self.w1("ago", "age", self.age(passed)))
    }

    /// `18 min`; a script goes on counting.
    pub fn since(&self, at: Timestamp, now: Timestamp) -> Html {
        self.time(at, " data-live=\"age\"", &self.age(now.0 - at.0))
    }
}

impl LoggedIn {
    /// A text.
    pub fn t(&self, id: &str) -> String {
        self.say.t(id)
    }
}

/// With a capital in front.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The beginning of a commit's name.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// Text in which what stands between backticks is code.
pub(crate) fn ticks(text: &str) -> Html {
    let parts: Vec<&str> = text.split('`').collect();
    // One without its partner is itself.
    if parts.len().is_multiple_of(2) {
        return Html(escaped(text));
    }
    let part = |(at, part): (usize, &&str)| match at % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    };
    Html(parts.iter().enumerate().map(part).collect())
}

/// Text for HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_money_are_written_as_people_do() {
        let (en, ru) = (Voice::new(Language::English, None), Voice::new(Language::Russian, None));
        for (number, english, russian) in [
            (7, "7", "7"),
            (1_389, "1,389", "1\u{a0}389"),
            (45_230, "45.2k", "45,2\u{a0}тыс."),
            (694_000, "694k", "694\u{a0}тыс."),
            (1_200_000, "1.2M", "1,2\u{a0}млн"),
        ] {
            assert_eq!((en.number(number).as_str(), ru.number(number).as_str()), (english, russian));
        }
        for (micros, english, russian) in
            [(0, "$0.00", "0,00\u{a0}$"), (9_999, "< $0.01", "<\u{a0}0,01\u{a0}$"), (1_885_000, "$1.89", "1,89\u{a0}$")]
        {
            assert_eq!((en.money(micros).as_str(), ru.money(micros).as_str()), (english, russian));
        }
    }

    #[test]
    fn code_stands_between_ticks() {
        for (text, html) in [
            ("`a<b` is `c`", "<code>a&lt;b</code> is <code>c</code>"),
            ("one ` alone", "one ` alone"),
            ("<b>", "&lt;b&gt;"),
        ] {
            assert_eq!(ticks(text).0, html);
        }
    }

    #[test]
    fn times_are_those_of_the_zone() {
        let at = Timestamp(1_795_960_930_000);
        let utc = Voice::new(Language::English, None);
        let zurich = Voice::new(Language::Russian, Some("Europe/Zurich"));
        assert_eq!(utc.clock(at), "14:02");
        if zurich.zone != TimeZone::UTC {
            assert_eq!(zurich.moment(at, Timestamp(at.0 + 86_400_000)), "29\u{a0}нояб., 15:02");
        }
        assert_eq!(utc.moment(at, Timestamp(at.0 + 400 * 86_400_000)), "29\u{a0}Nov 2026");
        assert_eq!(
            [372_000, 11_520_000, 40_000, 172_800_000].map(|ms| utc.span(ms).replace('\u{a0}', " ")),
            ["6 min 12 s", "3 h 12 min", "40 s", "2 d"]
        );
        for strange in ["../../etc/passwd", "/etc/passwd", "Nowhere/Land", ""] {
            assert_eq!(Voice::new(Language::English, Some(strange)).zone, TimeZone::UTC, "{strange}");
        }
    }
}
