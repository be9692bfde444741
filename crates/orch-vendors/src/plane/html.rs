//! Texts of Plane are HTML: what people wrote becomes Markdown, what we say becomes HTML.

use std::sync::LazyLock;

use htmd::HtmlToMarkdown;
use htmd::options::{BulletListMarker, Options};

/// Longest text that is taken as HTML, in bytes; more is cut.
const MOST_BYTES: usize = 512 << 10;

static CONVERTER: LazyLock<HtmlToMarkdown> = LazyLock::new(|| {
    let options = Options {
        bullet_list_marker: BulletListMarker::Dash,
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    HtmlToMarkdown::builder().options(options).skip_tags(vec!["script", "style", "head"]).build()
});

/// What people wrote, as Markdown. Nothing that a browser would run or hide is left in it.
pub(super) fn markdown(html: &str) -> String {
    let mut end = html.len().min(MOST_BYTES);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    let text = CONVERTER.convert(&html[..end]).unwrap_or_default();
    text.trim().to_owned()
}

/// What we say: paragraphs, lines, and links where an address stands.
pub(super) fn html(text: &str) -> String {
    let paragraph = |text: &str| {
        let lines: Vec<String> = text.lines().map(|line| linked(line.trim_end())).collect();
        format!("<p>{}</p>", lines.join("<br>"))
    };
    text.trim().split("\n\n").filter(|text| !text.trim().is_empty()).map(|text| paragraph(text.trim())).collect()
}

fn linked(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let bare = word.trim_end_matches(['.', ',', ';', ')']);
        let is_address = ["https://", "http://"].iter().any(|scheme| bare.starts_with(scheme));
        if is_address {
            let rest = &word[bare.len()..];
            format!("<a href=\"{0}\">{0}</a>{1}", escaped(bare), escaped(rest))
        } else {
            escaped(word)
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_markdown() {
        for (html, text) in [
            ("<p></p>", ""),
            ("plain", "plain"),
            (
                "<div><p>Users must be able to <b>log in</b>.</p><ul><li>email</li><li>password</li></ul></div>",
                "Users must be able to **log in**.\n\n- email\n- password",
            ),
            ("<p>one</p><script>alert(1)</script><p>two &amp; three</p>", "one\n\ntwo & three"),
            ("<p>Za\u{17c}\u{f3}\u{142}\u{107} \u{1f680}</p>", "Zażółć 🚀"),
        ] {
            assert_eq!(markdown(html), text, "{html}");
        }
        assert!(markdown(&"<p>ä</p>".repeat(200_000)).len() < MOST_BYTES);
    }

    #[test]
    fn what_we_say_is_html_without_anything_that_runs() {
        assert_eq!(
            html("Done: <b> & \"q\"\nsecond\n\nSee https://git.example.org/a?b=1&c=2."),
            "<p>Done: &lt;b&gt; &amp; &quot;q&quot;<br>second</p><p>See <a href=\"https://git.example.org/a?b=1&amp;c=2\">\
             https://git.example.org/a?b=1&amp;c=2</a>.</p>"
        );
        assert_eq!(html("javascript:alert(1) \"><script>"), "<p>javascript:alert(1) &quot;&gt;&lt;script&gt;</p>");
    }
}
