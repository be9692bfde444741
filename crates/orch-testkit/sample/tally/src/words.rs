//! Words.

/// How many words the text has: what stands between blanks.
pub fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_no_words() {
        assert_eq!(count(" \t\n"), 0);
    }

    #[test]
    fn several_blanks_part_like_one() {
        assert_eq!(count("one  two\n three"), 3);
    }
}
