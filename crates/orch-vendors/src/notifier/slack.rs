//! An alert as an [incoming webhook of Slack](https://api.slack.com/messaging/webhooks) takes it; Mattermost, Rocket.Chat
//! and others take the same.

use orch_text::Alert;
use serde_json::json;

use super::sign;

/// Most characters of a message; Slack cuts after 40,000, others earlier.
const MOST: usize = 3_000;

pub(super) fn body(alert: &Alert) -> String {
    let mut lines = vec![format!("{} *{}*", sign(alert.mark), escaped(&alert.headline))];
    if !alert.detail.is_empty() {
        lines.push(escaped(&alert.detail));
    }
    lines.extend(alert.questions.iter().map(|question| format!("> {}", escaped(question).replace('\n', "\n> "))));
    let commands: Vec<String> = alert.commands.iter().map(|command| format!("`{}`", escaped(command))).collect();
    let room = MOST.saturating_sub(commands.iter().map(|command| command.chars().count() + 1).sum());
    let mut text = lines.join("\n");
    if let Some((end, _)) = text.char_indices().nth(room) {
        text.truncate(end);
        text.push('…');
    }
    // Nobody is called by a name that stands in a title.
    let text = [vec![text], commands].concat().join("\n");
    json!({"text": text, "link_names": false}).to_string()
}

/// [What has a meaning](https://api.slack.com/reference/surfaces/formatting#escaping) is text: no link, no call to a channel.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "'")
}

#[cfg(test)]
mod tests {
    use orch_text::AlertMark;

    use super::*;

    #[test]
    fn an_alert_is_text_and_calls_nobody() {
        let alert = Alert {
            mark: AlertMark::Asks,
            headline: "SHOP-1: 1 question".to_owned(),
            detail: "<!channel> & \"more\"".to_owned(),
            questions: vec!["Which\n<b>VAT</b>?".to_owned()],
            commands: vec!["orch answer SHOP-1 \"…\"".to_owned()],
            loud: true,
        };
        let text = |alert: &Alert| {
            serde_json::from_str::<serde_json::Value>(&body(alert)).unwrap()["text"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            text(&alert),
            "🔶 *SHOP-1: 1 question*\n&lt;!channel&gt; &amp; \"more\"\n> Which\n> &lt;b&gt;VAT&lt;/b&gt;?\n`orch answer SHOP-1 \"…\"`"
        );
        let long = text(&Alert { detail: "é".repeat(9_000), ..alert });
        assert!(long.chars().count() <= MOST + 1, "{}", long.chars().count());
        assert!(long.ends_with("`orch answer SHOP-1 \"…\"`"), "the way to answer stays");
    }
}
