//! Words for one calm line a person reads.

/// Longest text of a line, in characters.
pub(super) const LINE: usize = 240;

/// `text` on one line, cut to `max` characters.
pub(super) fn one_line(text: &str, max: usize) -> String {
    // More words than fit are not even looked at.
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > max * 4 {
            break;
        }
    }
    match line.char_indices().nth(max) {
        None => line,
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
    }
}

/// A path from the top of the clone, where it lies in one: by the short path that runs with files of their own know theirs by,
/// or by that of this host.
pub(super) fn from_top(path: &str) -> &str {
    let below = |rest: &'_ str, parts: usize| rest.match_indices('/').nth(parts).map(|(at, _)| at + 1);
    if let Some(rest) = path.strip_prefix("/repo/") {
        return below(rest, 0).map_or(path, |at| &rest[at..]);
    }
    let inner = path.starts_with('/').then(|| path.find("/places/")).flatten().map(|at| &path[at + "/places/".len()..]);
    // The repository, the run, `code`.
    match inner.and_then(|inner| Some((inner, below(inner, 2)?))) {
        Some((inner, at)) if inner[..at].ends_with("/code/") => &inner[at..],
        _ => path,
    }
}

/// Most characters of what a model says that are read out: more is no message to people.
const WORDS: usize = 20_000;

/// What a model says, whole: its own lines, those after the first one set in; nothing if it says nothing.
pub(super) fn words(text: &str) -> Option<String> {
    let cut = text.char_indices().nth(WORDS).map_or(text.trim(), |(at, _)| text[..at].trim());
    let lines = cut.lines().map(str::trim_end);
    // Set in, no line of it passes for one of ours.
    let mut told: String = lines
        .enumerate()
        .map(|(at, line)| match (at, line) {
            (0, line) => line.to_owned(),
            (_, "") => "\n".to_owned(),
            (_, line) => format!("\n  {line}"),
        })
        .collect();
    if cut.len() < text.trim().len() {
        told.push('…');
    }
    (!told.is_empty()).then_some(told)
}

/// `950`, `12.6k`, `3.1M`.
pub(super) fn count(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}.{}k", number / 1_000, number % 1_000 / 100),
        _ => format!("{}.{}M", number / 1_000_000, number % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_one_line() {
        assert_eq!(one_line(" a\n\tb  c ", 10), "a b c");
        assert_eq!(one_line("ääää ü", 5), "ääää…");
        assert_eq!(one_line(&"x".repeat(9_000), 3), "xxx…");
    }

    #[test]
    fn what_a_model_says_is_read_out_whole() {
        assert_eq!(words("Done.").as_deref(), Some("Done."));
        let plan = "I will:\n\n- read\n- write  \n\n```\n    code\n```\n";
        assert_eq!(words(plan).as_deref(), Some("I will:\n\n  - read\n  - write\n\n  ```\n      code\n  ```"));
        assert_eq!((words(""), words(" \n ")), (None, None));
        let long = words(&"x".repeat(WORDS + 1)).unwrap();
        assert!(long.ends_with('…') && long.chars().count() == WORDS + 1);
        assert!(words(&"line of words\n".repeat(300)).unwrap().lines().skip(1).all(|line| line.starts_with("  ")));
    }

    #[test]
    fn paths_begin_at_the_top_of_the_clone() {
        for (path, told) in [
            ("/repo/shop/src/total.rs", "src/total.rs"),
            ("/home/a/.local/state/orch/places/shop/0199-7/code/src/total.rs", "src/total.rs"),
            (
                "/home/a/.local/state/orch/places/shop/0199-7/task.md",
                "/home/a/.local/state/orch/places/shop/0199-7/task.md",
            ),
            ("/repo/shop", "/repo/shop"),
            ("/usr/include/repo/shop/x", "/usr/include/repo/shop/x"),
            ("cat /repo/shop/x", "cat /repo/shop/x"),
            ("src/places/a/b/code/x", "src/places/a/b/code/x"),
            ("", ""),
        ] {
            assert_eq!(from_top(path), told);
        }
    }

    #[test]
    fn counts_are_short() {
        assert_eq!([0, 999, 1_000, 12_649, 3_100_000].map(count), ["0", "999", "1.0k", "12.6k", "3.1M"]);
    }
}
