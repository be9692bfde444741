//! A task's card as HTML of the Bot API.

use orch_text::{Card, CardMark, CardStage};
use ureq::http::Uri;

use super::escaped;

/// Most UTF-16 units of a card: the server takes 4,096.
const UNITS: usize = 4_000;

/// What may be left out of a card that is too long, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Without {
    Nothing,
    Findings,
    Models,
    Tokens,
    Stages,
}

/// The card; `page` is where the task is shown, if people can open it. The first two lines and what it cost always stay.
#[must_use]
pub(super) fn html(card: &Card, page: Option<&str>) -> String {
    let all = [Without::Nothing, Without::Findings, Without::Models, Without::Tokens, Without::Stages];
    let mut forms = all.into_iter().map(|without| written(card, page, without));
    let fits = |text: &String| plain(text).encode_utf16().count() <= UNITS;
    let last = || written(card, page, Without::Stages);
    forms.find(fits).unwrap_or_else(last)
}

fn written(card: &Card, page: Option<&str>, without: Without) -> String {
    let title = linked(&card.title, page);
    let mut text = format!("<b>{}</b> · {title}\n{} {}\n", escaped(&card.id), sign(card.mark), escaped(&card.now));
    if without < Without::Stages && !card.stages.is_empty() {
        text.push('\n');
        card.stages.iter().for_each(|stage| line(stage, without, &mut text));
    }
    let mut end = Vec::new();
    if !card.total.is_empty() {
        end.push(format!("💰 {}", escaped(&card.total.join(" · "))));
    }
    end.extend(card.times.iter().map(|times| format!("⏱️ {}", escaped(times))));
    end.extend(card.change_request.iter().map(|(words, page)| format!("🔗 {}", linked(words, Some(page)))));
    end.extend(
        card.delivered.iter().map(|(words, commit)| format!("📦 {}: <code>{}</code>", escaped(words), escaped(commit))),
    );
    if !end.is_empty() {
        text.push('\n');
        text.push_str(&end.join("\n"));
    }
    text.trim_end().to_owned()
}

fn line(stage: &CardStage, without: Without, text: &mut String) {
    let mut parts = vec![stage.name.clone()];
    parts.extend(stage.times.iter().cloned());
    parts.extend(stage.tokens.clone().filter(|_| without < Without::Tokens));
    parts.extend(stage.cost.clone());
    parts.extend(stage.model.clone().filter(|_| without < Without::Models));
    text.push_str(&format!("{} {}\n", sign(stage.mark), escaped(&parts.join(" · "))));
    if let Some(finding) = stage.finding.as_ref().filter(|_| without < Without::Findings) {
        text.push_str(&format!("<blockquote>{}</blockquote>\n", escaped(finding)));
    }
    for said in &stage.people {
        text.push_str(&format!("⏸️ {}\n", escaped(said)));
    }
}

fn sign(mark: CardMark) -> &'static str {
    match mark {
        CardMark::Asks => "🔶",
        CardMark::Works => "🔵",
        CardMark::Stuck => "🟥",
        CardMark::Passed => "✅",
        CardMark::Ahead => "⚪",
        CardMark::SentBack => "↩️",
        CardMark::Rests => "⏸️",
        CardMark::CalledOff => "⚫",
    }
}

fn linked(words: &str, page: Option<&str>) -> String {
    match page.filter(|page| is_public(page)) {
        Some(page) => format!("<a href=\"{}\">{}</a>", escaped(page), escaped(words)),
        None => escaped(words),
    }
}

/// Whether people who read the chat elsewhere may be able to open it: a link to this machine leads each of them to their
/// own.
#[must_use]
pub(super) fn is_public(address: &str) -> bool {
    let Ok(uri) = address.trim().parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let own = match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(ip)) => {
            let mapped = ip.to_ipv4_mapped();
            ip.is_loopback() || ip.is_unspecified() || mapped.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
        }
        Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Err(_) => host == "localhost" || host.ends_with(".localhost") || host.ends_with(".localdomain"),
    };
    matches!(uri.scheme_str(), Some("http" | "https")) && !host.is_empty() && !own
}

/// The text without its tags, for the case that they are refused.
#[must_use]
pub(super) fn plain(html: &str) -> String {
    let (mut text, mut rest) = (String::new(), html);
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = rest[at..].split_once('>').map_or("", |(_, behind)| behind);
    }
    text.push_str(rest);
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(mark: CardMark, name: &str) -> CardStage {
        CardStage {
            mark,
            name: name.to_owned(),
            times: vec!["4 min".to_owned()],
            tokens: Some("38k↓ 4.1k↑".to_owned()),
            cost: Some("< $0.01".to_owned()),
            model: Some("sonnet-5".to_owned()),
            finding: (mark == CardMark::SentBack).then(|| "P0 a < b & \"c\"".to_owned()),
            people: Vec::new(),
        }
    }

    fn card() -> Card {
        Card {
            id: "SHOP-124".to_owned(),
            title: "Round <totals> & more".to_owned(),
            mark: CardMark::Works,
            now: "The developer works since 14:02".to_owned(),
            stages: vec![
                CardStage {
                    people: vec!["Approved by <mira> after 22 min".to_owned()],
                    ..stage(CardMark::Passed, "Analysis")
                },
                stage(CardMark::SentBack, "Review"),
            ],
            total: vec!["$0.43".to_owned(), "59.4k↓ 6.1k↑".to_owned()],
            times: None,
            change_request: Some((
                "Pull request 7".to_owned(),
                "https://git.example.org/shop/pulls/7?a=1&b=2".to_owned(),
            )),
            delivered: Some(("Delivered".to_owned(), "8a09191".to_owned())),
        }
    }

    #[test]
    fn everything_is_escaped_and_only_public_links_are_links() {
        assert_eq!(
            html(&card(), Some("http://127.0.0.1:7411/t/SHOP-124")),
            "<b>SHOP-124</b> · Round &lt;totals&gt; &amp; more\n🔵 The developer works since 14:02\n\n\
             ✅ Analysis · 4 min · 38k↓ 4.1k↑ · &lt; $0.01 · sonnet-5\n⏸️ Approved by &lt;mira&gt; after 22 min\n\
             ↩️ Review · 4 min · 38k↓ 4.1k↑ · &lt; $0.01 · sonnet-5\n\
             <blockquote>P0 a &lt; b &amp; &quot;c&quot;</blockquote>\n\n💰 $0.43 · 59.4k↓ 6.1k↑\n\
             🔗 <a href=\"https://git.example.org/shop/pulls/7?a=1&amp;b=2\">Pull request 7</a>\n\
             📦 Delivered: <code>8a09191</code>"
        );
        assert!(
            html(&card(), Some("https://orch.example.org/t")).contains("<a href=\"https://orch.example.org/t\">Round")
        );
        assert!(plain(&html(&card(), None)).contains("P0 a < b & \"c\""));
    }

    #[test]
    fn a_link_to_this_machine_is_left_out_in_every_form() {
        for own in [
            "",
            "x",
            "localhost",
            "http://localhost:80/",
            "http://LOCALHOST./a",
            "https://a.localhost/",
            "http://127.9.9.9",
            "http://[::1]:8080/",
            "http://0.0.0.0/",
            "http://[::ffff:127.0.0.1]/",
            "ftp://example.org/",
            "javascript:alert(1)",
            "http://localhost.localdomain/",
            "//example.org",
        ] {
            assert!(!is_public(own), "{own}");
        }
        for public in ["https://git.example.org/a", "http://10.0.0.7:3000/x", "http://[2001:db8::1]/"] {
            assert!(is_public(public), "{public}");
        }
    }

    #[test]
    fn what_is_too_long_loses_findings_then_models_then_tokens_and_keeps_what_matters() {
        let mut long = card();
        long.stages = vec![stage(CardMark::SentBack, "Review"); 60];
        let text = html(&long, None);
        assert!(!text.contains("blockquote") && text.contains("38k↓"), "{text}");
        long.stages = vec![stage(CardMark::Passed, &"n".repeat(100)); 60];
        let text = html(&long, None);
        assert!(plain(&text).encode_utf16().count() <= UNITS && text.contains("💰") && text.contains("🔵"), "{text}");
        assert!(!text.contains("nnnn"));
    }
}
