//! Settings that would land are read first: a file under `.orch` that nobody can read stops the whole repository once it is
//! on the base branch, and every task with it.

use crate::pipeline::{self, Role};
use crate::repository_file::{self, REPOSITORY_FILE, RepositoryFile};

/// Most bytes of a repository's own words for a role.
pub const PROMPT_CAP: usize = 32 * 1024;

/// Where a role's words may stand in a repository; the first that is there counts.
pub fn prompt_paths(role: Role) -> [String; 2] {
    [".orch", ".openclaw"].map(|folder| format!("{folder}/agents/{}.md", role.name()))
}

/// What keeps a text from being words for a role, behind "it".
pub fn prompt_fault(text: &str) -> Option<String> {
    if text.len() > PROMPT_CAP {
        Some(format!("has {} bytes", text.len()))
    } else if text.trim().is_empty() {
        Some("is empty".to_owned())
    } else {
        text.contains('\0').then(|| "is no text".to_owned())
    }
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It is not there.
    Absent,
    /// What it says.
    Text(String),
    /// It is there and cannot be read as a file, for this reason.
    Unreadable(String),
}

/// Whether a change of this path may change how the repository is worked in. `base`: the settings on the base branch.
pub fn concerns(path: &str, base: &RepositoryFile) -> bool {
    // A link or a file in the place of the folder takes everything below along.
    [".orch", ".openclaw"]
        .iter()
        .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        || lines(base).any(|(line, _)| line == path)
}

fn lines(file: &RepositoryFile) -> impl Iterator<Item = (&str, Option<&str>)> {
    let variants = file.variants.iter().map(|variant| (variant.pipeline.as_str(), Some(variant.name.as_str())));
    std::iter::once((file.pipeline.as_str(), None)).chain(variants)
}

/// What is wrong with the settings of a commit that those of the base branch have not: one sentence each, with file and
/// line. `was` and `is` read a file of the base branch and of the commit.
///
/// # Errors
/// Those of the readers.
pub fn faults<E>(
    mut was: impl FnMut(&str) -> Result<Stored, E>,
    mut is: impl FnMut(&str) -> Result<Stored, E>,
) -> Result<Vec<String>, E> {
    let (before, now) = (was(REPOSITORY_FILE)?, is(REPOSITORY_FILE)?);
    let changed = before != now;
    let mut found = Vec::new();
    let read = settings(&now);
    if changed {
        found.extend(read.as_ref().err().into_iter().flatten().cloned());
        found.extend(untested(&before, read.as_ref().ok()));
    }
    for (path, variant) in read.iter().flat_map(lines) {
        let now = is(path)?;
        if now == was(path)? && !changed {
            continue;
        }
        match (now, variant) {
            (Stored::Text(text), _) => {
                found.extend(
                    pipeline::parse(&text, path).err().into_iter().flatten().map(|problem| problem.to_string()),
                );
            }
            (Stored::Unreadable(why), _) => found.push(format!("{path}: {why}")),
            (Stored::Absent, Some(variant)) => {
                found.push(format!("{REPOSITORY_FILE}: the variant {variant} names {path}, which is not there"));
            }
            (Stored::Absent, None) => {}
        }
    }
    for path in Role::ALL.iter().flat_map(|role| prompt_paths(*role)) {
        let now = is(&path)?;
        match &now {
            Stored::Absent => continue,
            _ if now == was(&path)? => continue,
            Stored::Text(text) => found.extend(prompt_fault(text).map(|fault| {
                format!("{path}: it {fault}; write Markdown of at most {PROMPT_CAP} bytes into it, or remove it")
            })),
            Stored::Unreadable(why) => found.push(format!("{path}: {why}")),
        }
    }
    found.dedup();
    Ok(found)
}

fn settings(stored: &Stored) -> Result<RepositoryFile, Vec<String>> {
    match stored {
        Stored::Absent => Ok(RepositoryFile::default()),
        Stored::Unreadable(why) => Err(vec![format!("{REPOSITORY_FILE}: {why}")]),
        Stored::Text(text) => repository_file::parse(text, REPOSITORY_FILE)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect()),
    }
}

/// Without its test command nothing of the repository could be green any more.
fn untested(before: &Stored, now: Option<&RepositoryFile>) -> Option<String> {
    let lost = settings(before).is_ok_and(|file| file.is_tested()) && now.is_some_and(|file| !file.is_tested());
    lost.then(|| {
        format!("{REPOSITORY_FILE}: the test command is gone, and nothing could be green without one; set `command` under [check]")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::*;

    const WELL: &str = "[check]\ncommand = \"true\"\n";
    const LINE: &str = "[[stage]]\nid = \"make\"\nkind = \"build\"\nrole = \"developer\"\non_red = \"make\"\ncap = 3\n
[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"make\"\ncap = 3\nlands = true\nnext = \"done\"\n";

    fn found(before: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<String> {
        let tree = |files: &[(&str, &str)]| -> BTreeMap<String, String> {
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
        };
        let read = |files: BTreeMap<String, String>| {
            move |path: &str| -> Result<Stored, Infallible> {
                Ok(match files.get(path).map(String::as_str) {
                    None => Stored::Absent,
                    Some("(link)") => Stored::Unreadable("it is a symbolic link".to_owned()),
                    Some(text) => Stored::Text(text.to_owned()),
                })
            }
        };
        let found = faults(read(tree(before)), read(tree(now)));
        found.unwrap_or_else(|never| match never {})
    }

    /// Each form with the words that tell it, and where.
    #[test]
    fn what_would_stop_the_repository_is_found_before_it_lands() {
        let file = REPOSITORY_FILE;
        let base = [(file, WELL)];
        let variant = format!(
            "{WELL}[[variant]]\nname = \"papers\"\npipeline = \"lines/papers.toml\"\nwhen = [\"label:docs\"]\n"
        );
        for (now, words) in [
            (vec![(file, "[check]\ncommand = 1\n")], ".orch/orch.toml:2: "),
            (vec![(file, "[check\ncommand = \"true\"\n")], ".orch/orch.toml:1: "),
            (vec![(file, "[check]\ncommand = \"true\"\n[chekc]\nx = 1\n")], ".orch/orch.toml:3: "),
            (vec![(file, "<<<<<<< HEAD\n[check]\n")], ".orch/orch.toml:1: "),
            (vec![(file, "")], "the test command is gone"),
            (vec![], "the test command is gone"),
            (vec![(file, "(link)")], ".orch/orch.toml: it is a symbolic link"),
            (vec![(file, WELL), (".orch/pipeline.toml", "[[stage]]\nid = \"make\"\n")], ".orch/pipeline.toml:1: "),
            (vec![(file, WELL), (".orch/pipeline.toml", "(link)")], ".orch/pipeline.toml: it is a symbolic link"),
            (vec![(file, variant.as_str())], "the variant papers names lines/papers.toml, which is not there"),
            (vec![(file, variant.as_str()), ("lines/papers.toml", "no toml")], "lines/papers.toml:1: "),
            (vec![(file, WELL), (".orch/agents/reviewer.md", " \n")], ".orch/agents/reviewer.md: it is empty"),
            (vec![(file, WELL), (".openclaw/agents/tester.md", "a\0b")], ".openclaw/agents/tester.md: it is no text"),
        ] {
            let found = found(&base, &now);
            assert!(found.iter().any(|fault| fault.contains(words)), "{now:?}: {words} is not in {found:?}");
        }
        let lined = format!("{WELL}[line]\npipeline = \"lines/own.toml\"\n");
        for well in [
            vec![(file, WELL)],
            vec![(file, WELL), (".orch/pipeline.toml", LINE), (".orch/agents/tester.md", "Test it.\n")],
            vec![(file, lined.as_str()), ("lines/own.toml", LINE)],
        ] {
            assert_eq!(found(&base, &well), Vec::<String>::new(), "{well:?}");
        }
    }

    /// What stands on the base branch already is nobody's change.
    #[test]
    fn what_was_broken_before_is_not_told_again() {
        let broken = [(REPOSITORY_FILE, "[check]\ncommand = 1\n"), (".orch/agents/tester.md", "")];
        assert_eq!(found(&broken, &broken), Vec::<String>::new());
        assert_eq!(found(&[], &[]), Vec::<String>::new());
        assert_eq!(found(&broken, &[(REPOSITORY_FILE, WELL)]), Vec::<String>::new(), "it is mended");
    }

    #[test]
    fn only_some_paths_can_change_how_a_repository_is_worked_in() {
        let file = RepositoryFile { pipeline: "lines/own.toml".to_owned(), ..RepositoryFile::default() };
        for path in
            [".orch", ".orch/orch.toml", ".orch/agents/tester.md", ".openclaw/agents/tester.md", "lines/own.toml"]
        {
            assert!(concerns(path, &file), "{path}");
        }
        for path in ["src/main.rs", ".orchard/x", "lines/other.toml", "docs/.orch/orch.toml"] {
            assert!(!concerns(path, &file), "{path}");
        }
    }
}
