//! The task file: front matter, then Markdown.

use std::collections::BTreeMap;
use std::path::Path;

use super::AgentError;

/// Words in a heading that open the part telling why the work came back.
const REWORK_HEADINGS: [&str; 4] = ["rework", "sent back", "must fix", "must be fixed"];

/// What the agent understands of its task file. Lenient: what is missing is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFile {
    /// Front matter, keys in lower case.
    pub fields: BTreeMap<String, String>,
    /// `title` of the front matter, else the first heading.
    pub title: String,
    /// The section `## Description`, taken out of its fence if it stands in one; else the text under the title.
    pub description: String,
    /// Why the work came back, verbatim: the front matter's `rework`, or the section headed so.
    pub rework: Option<String>,
    /// What a person answered last, verbatim.
    pub answer: Option<String>,
    /// Bytes read.
    pub bytes: u64,
}

impl TaskFile {
    /// Reads and understands the file at `path`.
    ///
    /// # Errors
    /// [`AgentError::File`] if it cannot be read as UTF-8 text.
    pub fn read(path: &Path) -> Result<Self, AgentError> {
        std::fs::read_to_string(path).map(|text| Self::parse(&text)).map_err(|error| AgentError::File {
            doing: "read the task file",
            path: path.to_owned(),
            error,
        })
    }

    /// Understands the text of a task file.
    pub fn parse(text: &str) -> Self {
        let (fields, body) = front_matter(text);
        let heading = body.lines().find_map(|line| line.strip_prefix("# ")).map(str::trim).unwrap_or_default();
        let title = fields.get("title").cloned().unwrap_or_else(|| heading.to_owned());
        let rework = match fields.get("rework").map(|value| value.trim()) {
            None | Some("" | "false" | "null" | "~" | "0") => rework_section(body),
            Some("true") => Some(rework_section(body).unwrap_or_default()),
            Some(text) => Some(rework_section(body).unwrap_or_else(|| text.to_owned())),
        };
        Self { title, description: description(body), rework, answer: answer(body), bytes: text.len() as u64, fields }
    }

    /// The round told by the task file, if it tells one: how often this role acts for this task, this time included.
    pub fn round(&self) -> Option<u32> {
        self.fields.get("round").and_then(|value| value.parse().ok()).filter(|round| *round > 0)
    }
}

/// Splits `---` front matter off. Plain, quoted and `|` block scalars are understood; everything else is passed over.
fn front_matter(text: &str) -> (BTreeMap<String, String>, &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some(rest) = text.strip_prefix("---\n") else {
        return (BTreeMap::new(), text);
    };
    let Some(end) = rest.find("\n---\n").map(|at| (at + 1, at + 5)).or_else(|| {
        let whole = rest.strip_suffix("\n---")?;
        Some((whole.len() + 1, rest.len()))
    }) else {
        return (BTreeMap::new(), text);
    };
    let mut fields = BTreeMap::new();
    let mut lines = rest[..end.0].lines().peekable();
    while let Some(line) = lines.next() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        if key.starts_with([' ', '#', '-']) {
            continue;
        }
        let value = value.trim();
        let value = if value.starts_with('|') {
            let mut block = Vec::new();
            while let Some(next) = lines.next_if(|next| next.starts_with("  ") || next.is_empty()) {
                block.push(next.strip_prefix("  ").unwrap_or(next));
            }
            block.join("\n").trim_end().to_owned()
        } else {
            unquoted(value)
        };
        fields.insert(key.trim().to_lowercase(), value);
    }
    (fields, &rest[end.1..])
}

fn unquoted(value: &str) -> String {
    if value.starts_with('"') {
        return serde_json::from_str(value).unwrap_or_else(|_| value.trim_matches('"').to_owned());
    }
    match value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inner) => inner.replace("''", "'"),
        None => value.to_owned(),
    }
}

/// The section headed `## Description`; without one, what stands between the first heading and the next.
fn description(body: &str) -> String {
    section(body, |heading| heading.contains("description")).unwrap_or_else(|| {
        let text = body.trim_start();
        let text = if text.starts_with("# ") { text.split_once('\n').map_or("", |(_, rest)| rest) } else { text };
        contents(text.lines())
    })
}

fn rework_section(body: &str) -> Option<String> {
    section(body, |heading| REWORK_HEADINGS.iter().any(|words| heading.contains(words)))
}

/// The last fenced text under `## Answers to questions`: what was asked and what was answered alternate.
fn answer(body: &str) -> Option<String> {
    let mut fence = Fence::default();
    let mut lines = body.lines();
    lines.find(|line| fence.outside(line) && line.starts_with("## ") && line.to_lowercase().contains("answers"))?;
    let mut texts: Vec<Vec<&str>> = Vec::new();
    let mut inside = false;
    for line in lines {
        let outside = fence.outside(line);
        match (inside, outside) {
            (false, true) if line.starts_with("## ") => break,
            // The line that opens the fence.
            (false, false) => texts.push(Vec::new()),
            (true, false) => texts.last_mut()?.push(line),
            _ => {}
        }
        inside = !outside;
    }
    texts.pop().map(|lines| lines.join("\n").trim().to_owned())
}

/// The contents of the first section of the second level whose heading, in lower case, is the one looked for.
fn section(body: &str, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let mut fence = Fence::default();
    let mut lines = body.lines();
    lines.find(|line| fence.outside(line) && line.starts_with("## ") && wanted(&line.to_lowercase()))?;
    Some(contents(lines))
}

/// Lines up to the next heading of the second level. Text that people wrote stands in a fence: if there is one, what
/// is in it is meant, headings included.
fn contents<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut fence = Fence::default();
    let mut all = Vec::new();
    let mut fenced: Option<Vec<&str>> = None;
    for line in lines {
        let outside = fence.outside(line);
        if outside && line.starts_with("## ") {
            break;
        }
        if !outside {
            fenced.get_or_insert_default().push(line);
        } else if fenced.is_some() {
            break;
        }
        all.push(line);
    }
    // The first fenced line opens the fence.
    fenced.map_or(all, |lines| lines.into_iter().skip(1).collect()).join("\n").trim().to_owned()
}

/// Follows a Markdown text line by line and knows which lines stand in a fence of backticks.
#[derive(Default)]
struct Fence {
    open: Option<usize>,
}

impl Fence {
    /// Is this line outside of any fence? The line that opens a fence is not, the one that closes it is.
    fn outside(&mut self, line: &str) -> bool {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match self.open {
            Some(open) if ticks >= open && line.trim_end().len() == ticks => {
                self.open = None;
                true
            }
            Some(_) => false,
            None if ticks >= 3 => {
                self.open = Some(ticks);
                false
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_front_matter_description_and_rework() {
        let task = TaskFile::parse(
            "---\nid: DEMO-001\ntitle: \"Say \\\"hi\\\": twice\"\nround: 2\nrework: true\n---\n\
             # Say hi\n\nTwice, please.\n\n- politely\n\n## Rework\n\nP1: you said it once.\n\n## Documents\n",
        );
        assert_eq!(task.title, "Say \"hi\": twice");
        assert_eq!(task.round(), Some(2));
        assert_eq!(task.description, "Twice, please.\n\n- politely");
        assert_eq!(task.rework.as_deref(), Some("P1: you said it once."));
    }

    #[test]
    fn reads_a_block_of_rework_and_single_quotes() {
        let task = TaskFile::parse("---\ntitle: 'it''s'\nrework: |\n  one\n\n  two\nattempt: 4\n---\nText.\n");
        assert_eq!(task.title, "it's");
        assert_eq!(task.rework.as_deref(), Some("one\n\ntwo"));
        assert_eq!(task.fields["attempt"], "4");
        assert_eq!(task.description, "Text.");
    }

    #[test]
    fn a_bare_text_has_its_heading_as_title_and_no_rework() {
        let task = TaskFile::parse("# Count words\n\n## Description\n\nAll of them.\n\n## Documents\n\nnone\n");
        assert_eq!(task.title, "Count words");
        assert_eq!(task.description, "All of them.");
        assert_eq!(task.rework, None);
        assert_eq!(task.round(), None);
    }

    #[test]
    fn what_people_wrote_is_taken_out_of_its_fence_headings_and_all() {
        let task = TaskFile::parse(
            "---\ntitle: \"a\"\n---\n\n# A-1 a\n\n## Description\n\n````text\nSee:\n```\n## Rework\n```\nend\n````\n\n\
             ## Rework\n\nThis was sent back.\n\n```text\n## Findings\n- P1 no\n```\n\n## You owe\n\n- x\n",
        );
        assert_eq!(task.description, "See:\n```\n## Rework\n```\nend");
        assert_eq!(task.rework.as_deref(), Some("## Findings\n- P1 no"));
    }

    #[test]
    fn the_newest_answer_is_known_verbatim() {
        let task = TaskFile::parse(
            "---\ntitle: a\n---\n## Answers to questions\n\nAsked:\n\n```text\n1. Which?\n```\n\nAnswered by \"x\":\n\n\
             ````text\nThis.\n```\n## That\n````\n\n## Comments of people\n\n```text\nno\n```\n",
        );
        assert_eq!(task.answer.as_deref(), Some("This.\n```\n## That"));
        assert_eq!(TaskFile::parse("---\ntitle: a\n---\n").answer, None);
    }

    #[test]
    fn false_is_no_rework() {
        assert_eq!(TaskFile::parse("---\ntitle: a\nrework: false\n---\n").rework, None);
    }
}
