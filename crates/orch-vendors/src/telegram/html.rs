//! Text for `parse_mode: HTML`. One wrong character refuses a whole message, so text is cut first and escaped after.

/// The text with the characters escaped that mean something (Bot API 10.1: `&`, `<`, `>`, and `"` in attributes).
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Marks of direction and other controls could make a text read as another.
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {}
            c => out.push(c),
        }
    }
    out
}

/// A message under construction: its markup, and the same as plain text for the case that the markup is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup {
    /// With tags.
    pub html: String,
    /// Without.
    pub plain: String,
    /// UTF-16 units of the plain text that may still be added.
    left: usize,
}

impl Markup {
    /// Of at most so many UTF-16 units of text.
    #[must_use]
    pub fn within(units: usize) -> Self {
        Self { left: units, ..Self::default() }
    }

    /// Adds text between an opening and a closing tag; as much as there is room for. Nothing is added for no text.
    pub fn tagged(&mut self, open: &str, text: &str, close: &str) {
        let cut = self.cut(text.trim());
        if cut.is_empty() {
            return;
        }
        self.html.push_str(open);
        self.html.push_str(&escaped(&cut));
        self.html.push_str(close);
        self.plain.push_str(&cut);
    }

    /// Adds text as it stands.
    pub fn text(&mut self, text: &str) {
        let cut = self.cut(text);
        self.html.push_str(&escaped(&cut));
        self.plain.push_str(&cut);
    }

    /// Begins a new line, if there is one before it.
    pub fn line(&mut self) {
        if !self.plain.is_empty() && self.left > 0 {
            self.html.push('\n');
            self.plain.push('\n');
            self.left -= 1;
        }
    }

    /// With another text below it.
    #[must_use]
    pub fn followed_by(mut self, below: &Self) -> Self {
        if !self.plain.is_empty() && !below.plain.is_empty() {
            self.html.push('\n');
            self.plain.push('\n');
        }
        self.html.push_str(&below.html);
        self.plain.push_str(&below.plain);
        self
    }

    fn cut(&mut self, text: &str) -> String {
        let units = text.encode_utf16().count();
        if units <= self.left {
            self.left -= units;
            return text.to_owned();
        }
        let mut room = self.left.saturating_sub(1);
        self.left = 0;
        let mut cut = String::new();
        for c in text.chars() {
            let Some(rest) = room.checked_sub(c.len_utf16()) else { break };
            room = rest;
            cut.push(c);
        }
        if cut.trim().is_empty() { String::new() } else { format!("{}…", cut.trim_end()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_is_escaped_and_what_hides_is_left_out() {
        assert_eq!(escaped("a<b>&\"c\"\n"), "a&lt;b&gt;&amp;&quot;c&quot;\n");
        assert_eq!(escaped("x\u{202e}y\u{1b}[31mz\t"), "xy[31mz");
    }

    #[test]
    fn text_is_cut_before_it_is_escaped_and_never_within_a_character() {
        let mut text = Markup::within(8);
        text.tagged("<b>", "a<<<<<<<<<", "</b>");
        assert_eq!((text.html.as_str(), text.plain.as_str()), ("<b>a&lt;&lt;&lt;&lt;&lt;&lt;…</b>", "a<<<<<<…"));
        text.line();
        text.text("more");
        text.tagged("<i>", "more", "</i>");
        assert_eq!(text.plain, "a<<<<<<…", "there is no room");
        let mut wide = Markup::within(4);
        wide.text("😀😀😀");
        assert_eq!(wide.plain, "😀…", "an emoji is two units");
        let mut none = Markup::within(40);
        none.line();
        none.tagged("<b>", "  ", "</b>");
        assert_eq!(none, Markup::within(40));
    }
}
