//! Money, tokens, times and moments of a card.

use fluent_bundle::FluentArgs;
use jiff::tz::TimeZone;
use orch_rules::attempt::{Attempt, Usage};
use orch_rules::ids::{AttemptNumber, Timestamp};

use crate::catalogue::text;
use crate::language::Language;

/// What some runs came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Runs that have ended.
    pub ended: usize,
    /// Of these, how many told what they cost.
    pub said: usize,
    /// Of these, how many did not.
    pub unsaid: usize,
    /// How long they worked.
    pub took_ms: i64,
    /// The last model that was told.
    pub model: Option<String>,
    input: u64,
    cached: u64,
    output: u64,
    counted: bool,
    micros: u64,
}

impl Figures {
    pub(crate) fn of(runs: &[&Attempt], usage: &[(AttemptNumber, &Usage)]) -> Self {
        let mut figures = Self::default();
        for run in runs {
            let used = usage.iter().filter(|(number, _)| *number == run.number);
            let mut said = false;
            for (_, used) in used {
                figures.input += used.input_tokens.unwrap_or(0);
                figures.cached += used.cached_tokens.unwrap_or(0);
                figures.output += used.output_tokens.unwrap_or(0);
                figures.counted |= used.input_tokens.is_some() || used.output_tokens.is_some();
                figures.micros += used.cost_micros.unwrap_or(0);
                said |= used.cost_micros.is_some();
                figures.model = used.model.clone().or(figures.model);
            }
            if let Some(ended) = &run.ended {
                figures.ended += 1;
                figures.took_ms += ended.at.since_ms(run.requested_at).max(0);
                figures.said += usize::from(said);
                figures.unsaid += usize::from(!said);
            }
        }
        figures
    }

    /// All tokens, and how many of them came from the cache.
    pub(crate) fn with_cached(&self, language: Language) -> Option<String> {
        let all = tokens(self, language)?;
        if self.cached == 0 {
            return Some(all);
        }
        let cached = say(language, "card-cached", &[("tokens", count(self.cached, language))]);
        let (input, output) = all.split_once('↓').unwrap_or((&all, ""));
        Some(format!("{input}↓ {cached}{output}"))
    }
}

fn say(language: Language, id: &str, given: &[(&'static str, String)]) -> String {
    let mut args = FluentArgs::new();
    given.iter().for_each(|(name, value)| args.set(*name, value.as_str()));
    text(language, id, &args)
}

fn decimal(number: String, language: Language) -> String {
    match language {
        Language::English => number,
        Language::Russian => number.replace('.', ","),
    }
}

/// `950`, `4.1k`, `312k`, `1.2M`.
fn count(number: u64, language: Language) -> String {
    let scaled = |unit: u64, id: &str| {
        // Tenths, rounded.
        let tenths = (number.saturating_mul(10) + unit / 2) / unit;
        let (whole, tenth) = (tenths / 10, tenths % 10);
        let text = if whole >= 100 || tenth == 0 { whole.to_string() } else { format!("{whole}.{tenth}") };
        say(language, id, &[("number", decimal(text, language))])
    };
    match number {
        0..1_000 => number.to_string(),
        1_000..999_500 => scaled(1_000, "card-thousands"),
        _ => scaled(1_000_000, "card-millions"),
    }
}

/// `38k↓ 4.1k↑`; `None` if nobody counted any.
pub(crate) fn tokens(figures: &Figures, language: Language) -> Option<String> {
    figures.counted.then(|| format!("{}↓ {}↑", count(figures.input, language), count(figures.output, language)))
}

/// `$1.37`, `≥ $1.37` if a run did not say; never nothing as a price. `None` if nothing ran to an end.
pub(crate) fn money(figures: &Figures, language: Language) -> Option<String> {
    if figures.said == 0 && figures.micros == 0 {
        return (figures.ended > 0).then(|| say(language, "card-cost-unknown", &[]));
    }
    let cents = (figures.micros + 5_000) / 10_000;
    let amount = |cents: u64| {
        let amount = decimal(format!("{}.{:02}", cents / 100, cents % 100), language);
        say(language, "card-dollars", &[("amount", amount)])
    };
    Some(match (cents, figures.unsaid) {
        (0, 0) => format!("< {}", amount(1)),
        (cents, 0) => amount(cents),
        (cents, _) => format!("≥ {}", amount(cents)),
    })
}

/// `40 s`, `4 min`, `3 h 12 min`, `2 d 3 h`.
pub(crate) fn duration(ms: i64, language: Language) -> String {
    let seconds = ms.max(0) / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600, (seconds + 30) / 60);
    let (id, first, second) = match seconds {
        0..60 => ("card-seconds", seconds, 0),
        60..3_570 => ("card-minutes", minutes, 0),
        3_570..86_400 => ("card-hours", minutes / 60, minutes % 60),
        _ => ("card-days", days, hours % 24),
    };
    say(language, id, &[("first", first.to_string()), ("second", second.to_string())])
}

/// The time of the day; with the day, if that is another one than that of `began`.
pub(crate) fn moment(at: Timestamp, began: Timestamp, language: Language, zone: &TimeZone) -> String {
    let there = |at: Timestamp| {
        jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
    };
    let (at, began) = (there(at), there(began));
    let form = match language {
        _ if at.date() == began.date() => "%H:%M",
        Language::English => "%b %-d, %H:%M",
        Language::Russian => "%d.%m %H:%M",
    };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(micros: u64, said: usize, unsaid: usize) -> Figures {
        Figures { micros, said, unsaid, ended: said + unsaid, ..Figures::default() }
    }

    #[test]
    fn what_is_unknown_is_never_zero() {
        let money = |figures: Figures| money(&figures, Language::English);
        assert_eq!(money(figures(0, 0, 0)), None);
        assert_eq!(money(figures(0, 0, 2)).as_deref(), Some("cost unknown"));
        assert_eq!(money(figures(1_370_000, 3, 0)).as_deref(), Some("$1.37"));
        assert_eq!(money(figures(1_370_000, 3, 1)).as_deref(), Some("≥ $1.37"));
        assert_eq!(money(figures(4_000, 1, 0)).as_deref(), Some("< $0.01"));
        assert_eq!(super::money(&figures(310_000, 1, 0), Language::Russian).as_deref(), Some("0,31 $"));
    }

    #[test]
    fn figures_are_short() {
        let of = |number, language| count(number, language);
        for (number, english, russian) in [
            (950, "950", "950"),
            (38_000, "38k", "38 тыс."),
            (4_120, "4.1k", "4,1 тыс."),
            (312_400, "312k", "312 тыс."),
            (999_600, "1M", "1 млн"),
            (1_234_567, "1.2M", "1,2 млн"),
        ] {
            assert_eq!(
                (of(number, Language::English).as_str(), of(number, Language::Russian).as_str()),
                (english, russian)
            );
        }
        let times = [40_000, 240_000, 3_580_000, 11_520_000, 183_600_000];
        let english = times.map(|ms| duration(ms, Language::English));
        assert_eq!(english, ["40 s", "4 min", "1 h 0 min", "3 h 12 min", "2 d 3 h"]);
        assert_eq!(duration(11_520_000, Language::Russian), "3 ч 12 мин");
    }

    #[test]
    fn a_moment_of_another_day_says_which() {
        let (began, zone) = (Timestamp(1_795_183_200_000), TimeZone::fixed(jiff::tz::offset(3)));
        let at = |hours: i64, language| moment(began.plus_ms(hours * 3_600_000), began, language, &zone);
        assert_eq!(at(0, Language::English).len(), 5);
        assert!(at(48, Language::English).contains(", "), "{}", at(48, Language::English));
        assert!(at(48, Language::Russian).contains('.'), "{}", at(48, Language::Russian));
    }
}
