//! The spellings that count as a verdict. Sets are frozen by a snapshot test.
//!
//! Tokens are whole words and letter case is ignored. Doubt is never green: words glued together by `-` or `_` are a
//! positive token only if every part of them is one, but a negative token is found inside them too.

/// Tokens that make a test report pass.
pub const POSITIVE: [&str; 5] = ["PASS", "PASSED", "GREEN", "APPROVED", "READY-TO-DEPLOY"];

/// Tokens that make it fail, whatever else it says.
pub const NEGATIVE: [&str; 6] = ["FAIL", "FAILED", "BLOCKED", "RED", "REJECTED", "REQUEST_CHANGES"];

/// The token that makes a staging or deploy log pass.
pub const SUCCESS: &str = "SUCCESS";

/// Words that turn a positive token around: a value with one of them is no positive verdict.
pub const NEGATIONS: [&str; 5] = ["NOT", "NO", "NEVER", "НЕ", "НЕТ"];

/// Longest value shown in a reason, in characters.
const SHOWN: usize = 60;

/// A value as a reason quotes it.
pub fn shown(value: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "nothing".to_owned();
    }
    if line.chars().count() <= SHOWN {
        return line;
    }
    let head: String = line.chars().take(SHOWN).collect();
    format!("{head}…")
}

/// Words of a value in upper case, each split into its parts: `PASS — ready-to-deploy` is `[[PASS], [READY, TO,
/// DEPLOY]]`.
fn words(value: &str) -> Vec<Vec<String>> {
    value
        .to_uppercase()
        .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .map(|word| word.split(['-', '_']).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>())
        .filter(|parts| !parts.is_empty())
        .collect()
}

fn parts_of(token: &str) -> Vec<&str> {
    token.split(['-', '_']).collect()
}

fn starts_with(parts: &[String], token: &str) -> bool {
    let wanted = parts_of(token);
    parts.len() >= wanted.len() && parts.iter().zip(&wanted).all(|(part, wanted)| part == wanted)
}

/// The first token if the parts of one word are nothing but tokens of `set`, one after the other.
fn only_tokens<'s>(parts: &[String], set: &[&'s str]) -> Option<&'s str> {
    let first = set.iter().copied().find(|token| {
        starts_with(parts, token) && {
            let rest = &parts[parts_of(token).len()..];
            rest.is_empty() || only_tokens(rest, set).is_some()
        }
    })?;
    Some(first)
}

fn is_negated(words: &[Vec<String>]) -> bool {
    words.iter().flatten().any(|part| NEGATIONS.contains(&part.as_str()))
}

/// The first negative token of a value, also inside a glued word.
pub fn negative(value: &str) -> Option<&'static str> {
    let words = words(value);
    words
        .iter()
        .flat_map(|parts| (0..parts.len()).map(move |from| &parts[from..]))
        .find_map(|parts| NEGATIVE.into_iter().find(|token| starts_with(parts, token)))
}

/// The first positive token of a value, unless a negation stands beside it.
pub fn positive(value: &str) -> Option<&'static str> {
    let words = words(value);
    if is_negated(&words) {
        return None;
    }
    words.iter().find_map(|parts| only_tokens(parts, &POSITIVE))
}

/// Whether a value says [`SUCCESS`] as a word of its own, without a negation.
pub fn says_success(value: &str) -> bool {
    let words = words(value);
    !is_negated(&words) && words.iter().any(|parts| parts.len() == 1 && parts[0] == SUCCESS)
}

/// Whether a value is this one word and no other.
pub fn is_exactly(value: &str, token: &str) -> bool {
    matches!(words(value).as_slice(), [only] if only.len() == 1 && only[0] == token)
}
