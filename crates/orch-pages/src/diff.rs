//! A unified diff as rows: sign and ground both tell what a line is.

/// The change of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FileChange {
    pub path: String,
    pub added: usize,
    pub removed: usize,
    pub lines: Vec<Line>,
}

/// A line of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `add`, `del`, `hunk`, or empty.
    pub class: &'static str,
    pub old: String,
    pub new: String,
    pub text: String,
}

/// Every file of a unified diff; what stands before the first is left out.
pub(crate) fn read(text: &str) -> Vec<FileChange> {
    let mut files: Vec<FileChange> = Vec::new();
    let (mut old, mut new, mut inside) = (0_u64, 0_u64, false);
    for line in text.lines() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            files.push(FileChange { path: path(names), ..FileChange::default() });
            inside = false;
            continue;
        }
        let Some(file) = files.last_mut() else { continue };
        if line.starts_with("@@") {
            (old, new) = starts(line);
            inside = true;
            file.lines.push(row("hunk", None, None, line));
        } else if !inside {
            if let Some(name) = line.strip_prefix("+++ b/") {
                file.path = name.trim_end_matches('\t').to_owned();
            } else if ["Binary files", "GIT binary", "rename ", "new file", "deleted file", "old mode", "new mode"]
                .iter()
                .any(|start| line.starts_with(start))
            {
                file.lines.push(row("hunk", None, None, line));
            }
        } else if line.starts_with('+') {
            file.added += 1;
            file.lines.push(row("add", None, Some(new), line));
            new += 1;
        } else if line.starts_with('-') {
            file.removed += 1;
            file.lines.push(row("del", Some(old), None, line));
            old += 1;
        } else {
            file.lines.push(row("", Some(old), Some(new), line));
            (old, new) = (old + 1, new + 1);
        }
    }
    files
}

fn row(class: &'static str, old: Option<u64>, new: Option<u64>, text: &str) -> Line {
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    Line { class, old: number(old), new: number(new), text: text.to_owned() }
}

/// `a/x b/x`: the second half, whatever blanks are in it.
fn path(names: &str) -> String {
    let half = names.len() / 2;
    let second = names.get(half + 1..).and_then(|second| second.strip_prefix("b/"));
    second.unwrap_or(names).to_owned()
}

/// The first line numbers of a hunk: `@@ -1,2 +3,4 @@`.
fn starts(hunk: &str) -> (u64, u64) {
    let number = |mark: char| {
        let part = hunk.split(' ').find(|part| part.starts_with(mark))?;
        part[1..].split(',').next()?.parse().ok()
    };
    (number('-').unwrap_or(1), number('+').unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = " a b.rs | 3 ++-\n\ndiff --git a/a b.rs b/a b.rs\nindex 1..2 100644\n--- a/a b.rs\n+++ b/a b.rs\n\
        @@ -1,2 +1,3 @@ fn x\n one\n-two\n+++two\n+three\ndiff --git a/gone b/gone\ndeleted file mode 100644\n\
        --- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";

    #[test]
    fn files_and_lines_have_their_numbers() {
        let files = read(TEXT);
        let told: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.added, file.removed)).collect();
        assert_eq!(told, [("a b.rs", 2, 1), ("gone", 0, 1)]);
        let lines: Vec<_> =
            files[0].lines.iter().map(|l| (l.class, l.old.as_str(), l.new.as_str(), l.text.as_str())).collect();
        assert_eq!(
            lines,
            [
                ("hunk", "", "", "@@ -1,2 +1,3 @@ fn x"),
                ("", "1", "1", " one"),
                ("del", "2", "", "-two"),
                ("add", "", "2", "+++two"),
                ("add", "", "3", "+three"),
            ]
        );
        assert!(read("no diff at all\n").is_empty());
    }
}
