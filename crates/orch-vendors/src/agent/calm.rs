//! Words for one calm line a person reads.

/// Longest text of a line, in characters.
pub(super) const LINE: usize = 240;

/// `text` on one line, cut to `max` characters.
pub(super) fn one_line(text: &str, max: usize) -> String {
    // More words than fit are not even looked at.
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > max * 4 {
            break;
        }
    }
    match line.char_indices().nth(max) {
        None => line,
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
    }
}

/// `950`, `12.6k`, `3.1M`.
pub(super) fn count(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}.{}k", number / 1_000, number % 1_000 / 100),
        _ => format!("{}.{}M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_one_line() {
        assert_eq!(one_line(" a\n\tb  c ", 10), "a b c");
        assert_eq!(one_line("ääää ü", 5), "ääää…");
        assert_eq!(one_line(&"x".repeat(9_000), 3), "xxx…");
    }

    #[test]
    fn counts_are_short() {
        assert_eq!([0, 999, 1_000, 12_649, 3_100_000].map(count), ["0", "999", "1.0k", "12.6k", "3.1M"]);
    }
}
