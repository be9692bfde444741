//! Lines.

/// How many lines the text has. A last line without a line end counts.
pub fn count(text: &str) -> usize {
    text.lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_has_no_line() {
        assert_eq!(count(""), 0);
    }

    #[test]
    fn a_last_line_needs_no_end() {
        assert_eq!(count("one\ntwo"), 2);
        assert_eq!(count("one\ntwo\n"), 2);
    }
}
