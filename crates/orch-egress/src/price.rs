//! What tokens cost. A model that is not in a table has no price, and its cost is unknown, never zero.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Input that is in no cache.
    pub input: u64,
    /// Input read from the cache.
    pub cached: u64,
    /// Input written to the cache for five minutes; for an hour it costs twice the input.
    pub cache_write: u64,
    /// Output, thinking included.
    pub output: u64,
}

/// Tokens of one or more answers. [`Tokens::input`] is what is in no cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Neither read from a cache nor written to one.
    pub input: u64,
    /// Read from the cache.
    pub cached: u64,
    /// Written to the cache for five minutes.
    pub written: u64,
    /// Written to the cache for an hour.
    pub written_hour: u64,
    /// Output.
    pub output: u64,
    /// Searches of the web that the vendor made for the answer.
    pub searches: u64,
}

/// What a search of the web costs at the vendor, in millionths of a dollar.
const SEARCH_MICROS: u64 = 10_000;

impl Tokens {
    /// All input.
    pub fn full_input(&self) -> u64 {
        [self.cached, self.written, self.written_hour].into_iter().fold(self.input, u64::saturating_add)
    }
}

impl Price {
    /// Millionths of a millionth of a dollar.
    pub fn of(&self, tokens: &Tokens) -> u128 {
        let parts = [
            (tokens.input, self.input),
            (tokens.cached, self.cached),
            (tokens.written, self.cache_write),
            (tokens.written_hour, self.input.saturating_mul(2)),
            (tokens.output, self.output),
            (tokens.searches, SEARCH_MICROS * 1_000_000),
        ];
        parts.into_iter().map(|(n, each)| u128::from(n) * u128::from(each)).sum()
    }
}

/// The built-in prices: a data file, so that it can be read and renewed without reading code.
const TABLE: &str = include_str!("prices.txt");

struct Row {
    /// A model's name, or its beginning and `*`.
    pattern: String,
    /// Holds for requests with at most so many input tokens.
    up_to: u64,
    price: Price,
}

/// The rows of [`TABLE`]; the first one that fits holds.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| TABLE.lines().filter_map(row).collect());

/// `MODEL [<= TOKENS] = PRICES`; `None` is a remark.
fn row(line: &str) -> Option<Row> {
    let (named, prices) = line.split_once(" = ")?;
    let (model, up_to) = match named.split_once(" <= ") {
        Some((model, tokens)) => (model, tokens.parse().ok()?),
        None => (named, u64::MAX),
    };
    let (pattern, price) = parse(&format!("{model} = {prices}"))?;
    Some(Row { pattern, up_to, price })
}

/// The day on which the built-in prices were read.
pub fn as_of() -> &'static str {
    let told = TABLE.lines().find_map(|line| line.strip_prefix("# As of "));
    told.unwrap_or_default().trim_end_matches('.')
}

/// Whether `model` is what `pattern` names: the same text, or its beginning where the pattern ends with `*`.
fn fits(pattern: &str, model: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => model.starts_with(beginning),
        None => model == pattern,
    }
}

/// Reads `MODEL = INPUT / CACHED / CACHE WRITE / OUTPUT`, the prices in dollars for a million tokens, at most six digits
/// behind the point. MODEL may end with `*`. `None` if it is written otherwise.
pub fn parse(text: &str) -> Option<(String, Price)> {
    let (model, prices) = text.split_once('=')?;
    let model = model.trim();
    let is_model = !model.is_empty() && model.len() <= 100 && model.bytes().all(|b| b.is_ascii_graphic());
    let mut prices = prices.split('/').map(|dollars| micros(dollars.trim()));
    let mut next = || prices.next().flatten();
    let price = Price { input: next()?, cached: next()?, cache_write: next()?, output: next()? };
    (is_model && prices.next().is_none()).then(|| (model.to_owned(), price))
}

/// Dollars as decimal digits, in millionths; up to a million dollars.
pub fn micros(dollars: &str) -> Option<u64> {
    let (whole, part) = dollars.split_once('.').unwrap_or((dollars, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 7 || part.len() > 6 || !digits(whole) || !digits(part) {
        return None;
    }
    let sum = whole.parse::<u64>().ok()? * 1_000_000 + format!("{part:0<6}").parse::<u64>().ok()?;
    (sum <= 1_000_000_000_000).then_some(sum)
}

/// The price of one answer of `model`; `None` if nobody said.
pub fn price(own: &[(String, Price)], model: &str, tokens: &Tokens) -> Option<Price> {
    let built_in = || {
        let row = ROWS.iter().find(|row| fits(&row.pattern, model) && tokens.full_input() <= row.up_to);
        row.map(|row| row.price)
    };
    own.iter().find(|(pattern, _)| fits(pattern, model)).map(|(_, price)| *price).or_else(built_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64) -> Tokens {
        Tokens { input, ..Tokens::default() }
    }

    #[test]
    fn own_prices_stand_above_the_table_and_the_unknown_has_none() {
        let own = Price { input: 1, cached: 1, cache_write: 1, output: 1 };
        let table = [("claude-opus-5-5*".to_owned(), own)];
        assert_eq!(price(&table, "claude-opus-5-5-20261001", &tokens(1)), Some(own));
        assert_eq!(price(&[], "claude-opus-5-5-20261001", &tokens(1)).unwrap().output, 20_000_000);
        assert_eq!(price(&[], "mock-model", &tokens(1)), None);
        assert_eq!(price(&[], "claude-opus-5-7", &tokens(1)), None, "a newer model is not an older one");
        assert_eq!(price(&[], "gpt-5.5-pro", &tokens(1)), None);
    }

    #[test]
    fn every_line_of_the_table_is_a_row_or_a_remark() {
        for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            assert!(row(line).is_some(), "{line}");
        }
        let rows = || ROWS.iter();
        assert!(rows().count() > 20 && as_of().len() == "2026-11-30".len(), "{}", as_of());
        for (at, row) in rows().enumerate() {
            let before =
                rows().take(at).find(|before| fits(&before.pattern, &row.pattern) && before.up_to >= row.up_to);
            assert!(before.is_none(), "{} can never hold", row.pattern);
            let Price { input, cached, cache_write, output } = row.price;
            assert!(cached < input && input <= cache_write && cache_write < output, "{}", row.pattern);
        }
    }

    #[test]
    fn prices_are_read_as_people_write_them() {
        let (model, price) = parse("gpt-9* = 5/0.5 / 6.25/ 30").unwrap();
        assert_eq!(model, "gpt-9*");
        assert_eq!(price, Price { input: 5_000_000, cached: 500_000, cache_write: 6_250_000, output: 30_000_000 });
        for bad in ["gpt-9", "= 1/1/1/1", "a = 1/1/1", "a = 1/1/1/1/1", "a = 1/1/1/-1", "a = 1/1/1/", "a = 1/1/1/1e3"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(
            (micros("0.000001"), micros("1000000"), micros("1000000.1")),
            (Some(1), Some(1_000_000_000_000), None)
        );
        assert_eq!((micros("1.0000001"), micros("."), micros("99999999999")), (None, None, None));
    }

    #[test]
    fn a_long_prompt_has_its_own_price_or_none() {
        let input = |model, n| price(&[], model, &tokens(n)).map(|price| price.input);
        assert_eq!(input("claude-haiku-5-5", 100_000), Some(100_000));
        assert_eq!(input("claude-haiku-5-5", 100_001), Some(500_000));
        assert_eq!(input("gpt-5.5", 272_001), None);
        assert_eq!((input("gpt-6.1-sol", 272_000), input("gpt-6.1-sol", 272_001)), (Some(2_000_000), Some(4_000_000)));
    }

    #[test]
    fn every_kind_of_token_has_its_price() {
        let price = Price { input: 4_000_000, cached: 200_000, cache_write: 5_000_000, output: 20_000_000 };
        let tokens = Tokens { input: 1, cached: 10, written: 100, written_hour: 1000, output: 10_000, searches: 0 };
        assert_eq!(tokens.full_input(), 1111);
        assert_eq!(price.of(&tokens), 4_000_000 + 2_000_000 + 500_000_000 + 8_000_000_000 + 200_000_000_000);
    }
}
