//! Showing bytes an agent wrote without letting them drive the reader's terminal.

/// Makes raw output fit to print: colour and title sequences are dropped, every other control
/// character becomes a visible sign, invalid UTF-8 becomes `U+FFFD`, and characters that reorder
/// text, or that nobody sees and no writing needs, become their code in words. Newline and tab stay; `\r\n` becomes `\n`.
///
/// The result contains no C0 control but `\n` and `\t`, no DEL, no C1 control and no bidirectional
/// control.
///
/// ```
/// assert_eq!(orch_run::sanitize_for_terminal(b"\x1b[31mred\x1b[0m\x07"), "red\u{2407}");
/// ```
#[must_use]
pub fn sanitize_for_terminal(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}'
            && let Some(length) = escape_sequence(rest)
        {
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' if rest.starts_with('\n') => {}
            // Unicode has a picture for each C0 control, at a fixed distance.
            '\0'..='\u{1f}' => shown.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            '\u{7f}' => shown.push('\u{2421}'),
            '\u{80}'..='\u{9f}' => shown.push('\u{fffd}'),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                shown.extend(c.escape_unicode())
            }
            // A second text may hide in these (Unicode's tags spell all of ASCII). The joiners stay: scripts need them.
            '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}' => {
                shown.extend(c.escape_unicode())
            }
            _ => shown.push(c),
        }
    }
    shown
}

/// Length in bytes of a complete, ordinary escape sequence at the start of `text`. Incomplete,
/// endless and multi-line ones are `None` and so stay visible: dropping them could hide output.
fn escape_sequence(text: &str) -> Option<usize> {
    const LONGEST: usize = 512;
    let bytes = text.as_bytes();
    match bytes.get(1)? {
        b'[' => {
            for (at, byte) in bytes.iter().enumerate().take(64).skip(2) {
                match byte {
                    0x20..=0x3f => {}
                    0x40..=0x7e => return Some(at + 1),
                    _ => return None,
                }
            }
            None
        }
        b']' => {
            for (at, byte) in bytes.iter().enumerate().take(LONGEST).skip(2) {
                match byte {
                    0x07 => return Some(at + 1),
                    0x1b if bytes.get(at + 1) == Some(&b'\\') => return Some(at + 2),
                    0x00..=0x1f => return None,
                    _ => {}
                }
            }
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::sanitize_for_terminal;

    #[test]
    fn colours_and_titles_go_text_stays() {
        let raw = b"\x1b]0;title\x07a\x1b[1;31mb\x1b[0m\x1b]8;;http://x\x1b\\c\r\nd\te";
        assert_eq!(sanitize_for_terminal(raw), "abc\nd\te");
    }

    #[test]
    fn what_could_drive_a_terminal_is_shown_instead() {
        assert_eq!(sanitize_for_terminal(b"a\x08b\rc\x1bPq\x7f\xff"), "a\u{2408}b\u{240d}c\u{241b}Pq\u{2421}\u{fffd}");
        assert_eq!(sanitize_for_terminal("\u{9b}31m".as_bytes()), "\u{fffd}31m");
        assert_eq!(sanitize_for_terminal("x\u{202e}y".as_bytes()), "x\\u{202e}y");
        assert_eq!(sanitize_for_terminal("x\u{200b}\u{e0041}y".as_bytes()), "x\\u{200b}\\u{e0041}y");
    }

    #[test]
    fn an_unfinished_sequence_hides_nothing() {
        assert_eq!(sanitize_for_terminal(b"\x1b]0;evil\nthe error"), "\u{241b}]0;evil\nthe error");
        assert_eq!(sanitize_for_terminal(b"\x1b[31"), "\u{241b}[31");
    }

    #[test]
    fn no_byte_pair_leaves_a_control_character() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let shown = sanitize_for_terminal(&[0x1b, first, second, b'm']);
                assert!(
                    !shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'),
                    "{first} {second}: {shown:?}"
                );
            }
        }
    }
}
