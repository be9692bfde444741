//! Reading an agent's output: JSON objects, one a line, with anything between them.

use std::io::BufRead;

use serde_json::{Map, Value};

/// Longest line that is understood; a longer one is passed over. Bounds the memory that a wild agent costs us.
const LINE_CAP: usize = 4 << 20;

/// One line.
pub(super) enum Line {
    /// A JSON object.
    Object(Map<String, Value>),
    /// Something else that is not blank, broken bytes replaced.
    Text(String),
}

/// Gives every line to `take`. A reader that fails ends the output there: what was told until then stands.
pub(super) fn each(output: &mut dyn BufRead, mut take: impl FnMut(Line)) {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let (found, used) = match output.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let piece = &bytes[..end.unwrap_or(bytes.len())];
                too_long |= line.len() + piece.len() > LINE_CAP;
                if too_long {
                    line = Vec::new();
                } else {
                    line.extend_from_slice(piece);
                }
                (end.is_some(), end.map_or(bytes.len(), |at| at + 1))
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        output.consume(used);
        if found {
            understood(&line).into_iter().for_each(&mut take);
            line.clear();
            too_long = false;
        }
    }
    understood(&line).into_iter().for_each(take);
}

fn understood(line: &[u8]) -> Option<Line> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(object(text).map_or_else(|| Line::Text(text.to_owned()), Line::Object))
}

/// The object on a line, if it is one.
pub(super) fn object(text: &str) -> Option<Map<String, Value>> {
    // No other JSON means anything here, and most other text is refused without a parse.
    text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok())?
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &[u8], buffer: usize) -> Vec<String> {
        let mut seen = Vec::new();
        each(&mut BufReader::with_capacity(buffer, text), |line| {
            seen.push(match line {
                Line::Object(object) => Value::Object(object).to_string(),
                Line::Text(text) => format!("text {text}"),
            });
        });
        seen
    }

    #[test]
    fn objects_and_other_text_are_told_apart() {
        let text = b"hello\r\n{\"a\":1}\n\n  \n[1]\n{\"broken\n\xff\xfe\n{\"last\":2}";
        let expected =
            ["text hello", r#"{"a":1}"#, "text [1]", "text {\"broken", "text \u{fffd}\u{fffd}", r#"{"last":2}"#];
        assert_eq!(lines(text, 3), expected);
        assert_eq!(lines(text, 4096), expected);
    }

    #[test]
    fn an_endless_line_is_passed_over_and_the_next_one_read() {
        let mut text = vec![b'x'; LINE_CAP + 1];
        text.extend_from_slice(b"\n{\"a\":1}\n");
        assert_eq!(lines(&text, 8192), [r#"{"a":1}"#]);
    }

    /// Deep nesting must not overflow the stack of whoever reads.
    #[test]
    fn deep_nesting_is_only_text() {
        let deep = format!("{{\"a\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(lines(deep.as_bytes(), 4096).len(), 1);
    }
}
