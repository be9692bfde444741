//! Markdown that somebody else wrote, as HTML that does nothing: no HTML of its own, no images, no address but of the web.

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

use crate::say::{Html, escaped};

/// A document: its front matter as pairs, and the rest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Document<'t> {
    pub fields: Vec<(&'t str, &'t str)>,
    pub text: &'t str,
}

impl<'t> Document<'t> {
    /// Front matter stands between two lines of `---` at the top.
    pub fn read(text: &'t str) -> Self {
        let Some(rest) = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n")) else {
            return Self { fields: Vec::new(), text };
        };
        let mut at = 0;
        let mut fields = Vec::new();
        for line in rest.split_inclusive('\n') {
            at += line.len();
            let line = line.trim_end();
            if line == "---" {
                return Self { fields, text: &rest[at..] };
            }
            if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim(), value.trim().trim_matches('"')));
            }
        }
        Self { fields: Vec::new(), text }
    }
}

/// The whole text.
pub(crate) fn render(text: &str) -> Html {
    let mut out = String::new();
    html::push_html(&mut out, events(text));
    Html(out)
}

/// The first blocks, as far as about so many characters go.
pub(crate) fn excerpt(text: &str, most: usize) -> Html {
    let (mut depth, mut length, mut kept) = (0_usize, 0, Vec::new());
    for event in events(text) {
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(words) | Event::Code(words) => length += words.chars().count(),
            _ => {}
        }
        // Headings say in a list what the page of the task says anyway.
        kept.push(event);
        if depth == 0 && length >= most {
            break;
        }
        // A list is cut behind one of its items.
        if depth == 1 && length >= most && matches!(kept.last(), Some(Event::End(TagEnd::Item))) {
            kept.push(Event::End(TagEnd::List(false)));
            break;
        }
    }
    let mut out = String::new();
    html::push_html(&mut out, kept.into_iter());
    Html(out)
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    Parser::new_ext(text, options).map(harmless)
}

/// What may stand on a page of ours.
fn harmless(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        // A box that nobody can tick has no name for who cannot see it.
        Event::TaskListMarker(done) => Event::Text(if done { "☑ " } else { "☐ " }.into()),
        // A page has one first heading, and it is ours.
        Event::Start(Tag::Heading { level, classes: _, id: _, attrs: _ }) => {
            Event::Start(Tag::Heading { level: lower(level), id: None, classes: Vec::new(), attrs: Vec::new() })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type: plain(link_type), dest_url: address(dest_url), title, id })
        }
        // Nothing is loaded from elsewhere: an image is its words.
        Event::Start(Tag::Image { .. }) => Event::Start(Tag::Emphasis),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Emphasis),
        Event::Start(Tag::CodeBlock(_)) => {
            Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Fenced(CowStr::Borrowed(""))))
        }
        other => other,
    }
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 | HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

fn plain(kind: LinkType) -> LinkType {
    if kind == LinkType::Email { LinkType::Inline } else { kind }
}

/// An address of the web; anything else leads nowhere.
fn address(url: CowStr<'_>) -> CowStr<'_> {
    let lower = url.trim().to_ascii_lowercase();
    if ["https://", "http://"].iter().any(|scheme| lower.starts_with(scheme)) { url } else { CowStr::Borrowed("#") }
}

/// Text that is shown as it is.
pub(crate) fn fenced(text: &str) -> Html {
    Html(format!("<pre class=\"fenced\">{}</pre>", escaped(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_document_does_anything() {
        for (text, never) in [
            ("<script>alert(1)</script>", "<script"),
            ("a <img src=x onerror=alert(1)> b", "<img"),
            ("[x](javascript:alert(1))", "javascript:"),
            ("[x](JaVaScRiPt:alert(1))", "JaVaScRiPt"),
            ("[x](data:text/html,<b>)", "data:"),
            ("<javascript:alert(1)>", "href=\"javascript"),
            ("![x](https://evil.example/pixel.png)", "evil.example"),
            ("[x](//evil.example)", "evil.example"),
            ("# <b onclick=x>t</b>", "<b"),
            ("```html\"><script>\nx\n```", "<script"),
            ("a\n\n<style>body{}</style>", "<style"),
            ("[a]: javascript:x\n\n[a]", "javascript"),
            ("| a |\n|---|\n| <svg onload=x> |", "<svg"),
            ("# t {#id .class onclick=x}", "onclick=\""),
            ("- [x] done", "<input"),
        ] {
            let html = render(text).0;
            assert!(!html.contains(never), "{text}: {html}");
        }
        assert!(render("<script>").0.contains("&lt;script&gt;"));
        assert!(render("# One").0.starts_with("<h3>"), "the page has its own first heading");
        assert!(render("[x](https://a.example/?a=1&b=2)").0.contains("href=\"https://a.example/?a=1&amp;b=2\""));
    }

    #[test]
    fn front_matter_is_apart() {
        let read = Document::read("---\ntitle: \"A b\"\nverdict: APPROVED\n---\n# Text\n");
        assert_eq!(read.fields, [("title", "A b"), ("verdict", "APPROVED")]);
        assert_eq!(read.text, "# Text\n");
        for text in ["# Text\n---\n", "---\nno end\n", ""] {
            assert_eq!(Document::read(text), Document { fields: Vec::new(), text });
        }
    }

    #[test]
    fn an_excerpt_ends_whole() {
        let text = format!("{}\n\n- one {}\n- two\n- three\n", "word ".repeat(5), "x".repeat(50));
        let html = excerpt(&text, 40).0;
        assert!(html.contains("one") && !html.contains("two"), "{html}");
        assert!(html.trim_end().ends_with("</ul>"), "{html}");
        assert_eq!(excerpt("short", 40).0, render("short").0);
    }
}
