//! Checked names: what is built into a command line or a ref name has been looked at once, here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that git, or this crate, refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a usable {kind}: {reason}")]
pub struct InvalidName {
    /// What it should have been.
    pub kind: &'static str,
    /// What was given.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// [`InvalidName`] says what is wrong.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(reason) => Err(InvalidName { kind: stringify!($name), name: text, reason }),
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

text_type!(
    /// A full commit id, 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    CommitId,
    object_id
);
text_type!(
    /// A full tree id, 40 or 64 lower-case hexadecimal digits.
    TreeId,
    object_id
);
text_type!(
    /// Names the code of a commit: the tree id it would have without the task's own documents folder. Two
    /// commits with the same code id differ in nothing a build or a test can see but those documents.
    CodeId,
    object_id
);
text_type!(
    /// Names a change against the merge base, outside the task's documents: 64 hexadecimal digits. Unlike `git
    /// patch-id` it tells white space apart (an indentation is a change) and reads lines to their end; like it, it
    /// ignores line numbers, so an unrelated move of the base keeps it.
    PatchId,
    |text| if text.len() == 64 { object_id(text) } else { Err("it has 64 hexadecimal digits") }
);
text_type!(
    /// A branch name without `refs/heads/`, as `git check-ref-format --branch` allows it.
    BranchName,
    branch
);
text_type!(
    /// What names a task in refs: letters, digits, `-`, `_`, `.`; no `..`, no leading dot or dash, no `.lock` at the
    /// end; at most 100 characters.
    TaskKey,
    task_key
);
text_type!(
    /// What names a remote in refs; the same letters as a [`TaskKey`].
    RemoteName,
    task_key
);
text_type!(
    /// A path inside a repository: relative, `/` between parts, no empty part, no `.` or `..`.
    RepoPath,
    repo_path
);

fn object_id(text: &str) -> Result<(), &'static str> {
    if !matches!(text.len(), 40 | 64) {
        return Err("it has 40 or 64 hexadecimal digits");
    }
    if !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("it has lower-case hexadecimal digits only");
    }
    Ok(())
}

/// The rules of git-check-ref-format(1).
fn branch(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 200 {
        return Err("it has 1 to 200 bytes");
    }
    if text.starts_with('-') || text == "HEAD" || text == "@" {
        return Err("it would be read as something else");
    }
    if text.contains("..") || text.contains("@{") || text.ends_with('.') {
        return Err("it contains `..` or `@{`, or ends with a dot");
    }
    if text.bytes().any(|b| b <= b' ' || b == 0x7f || b"~^:?*[\\".contains(&b)) {
        return Err("it contains a blank, a control character or one of ~^:?*[\\");
    }
    if text.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock")) {
        return Err("a part is empty, starts with a dot or ends with `.lock`");
    }
    Ok(())
}

fn task_key(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 100 {
        return Err("it has 1 to 100 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err("it has letters, digits, `-`, `_` and `.` only");
    }
    if text.starts_with(['.', '-']) || text.contains("..") || text.ends_with('.') || text.ends_with(".lock") {
        return Err("it starts or ends with a dot or dash, contains `..` or ends with `.lock`");
    }
    Ok(())
}

fn repo_path(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.contains('\0') {
        return Err("it is empty or contains a NUL");
    }
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("it is relative and has no empty part, `.` or `..`");
    }
    Ok(())
}

impl RepoPath {
    /// Whether `path` lies in this folder.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        path.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Who a commit is by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    name: String,
    email: String,
}

impl Identity {
    /// A name and an address as git will write them into a commit: blanks and punctuation at their ends are dropped
    /// here, because git drops them too, and not every version of it the same.
    ///
    /// # Errors
    /// [`InvalidName`] if nothing is left of one of them, or if it contains `<`, `>` or a line break.
    pub fn new(name: impl Into<String>, email: impl Into<String>) -> Result<Self, InvalidName> {
        let usable = |kind, text: String| {
            let bad = |reason| InvalidName { kind, name: text.clone(), reason };
            if text.contains(['<', '>', '\n', '\r', '\0']) {
                return Err(bad("it contains `<`, `>` or a line break"));
            }
            let kept = text.trim_matches(|c: char| c <= ' ' || ".,:;\"\\'".contains(c));
            if kept.is_empty() {
                return Err(bad("it is empty"));
            }
            Ok(kept.to_owned())
        };
        Ok(Self { name: usable("name", name.into())?, email: usable("e-mail address", email.into())? })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The e-mail address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_names_follow_git() {
        for good in ["main", "feature/ET-001-über", "a/b.c", "x@y", "feature/ET-001-a-b"] {
            assert!(BranchName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-x",
            "a..b",
            "a b",
            "a\nb",
            ".a",
            "a/.b",
            "a.lock",
            "a/b.lock/c",
            "a//b",
            "/a",
            "a/",
            "a.",
            "a@{1}",
            "HEAD",
            "@",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
        ] {
            assert!(BranchName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_and_paths_are_checked() {
        assert!(CommitId::new("a".repeat(40)).is_ok() && CommitId::new("0".repeat(64)).is_ok());
        for bad in ["A".repeat(40), "a".repeat(41), "HEAD".into(), "--all".into(), "g".repeat(40)] {
            assert!(CommitId::new(bad).is_err());
        }
        for bad in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\0"] {
            assert!(RepoPath::new(bad).is_err(), "{bad:?}");
        }
        let folder = RepoPath::new("docs/work-items/ET-1").unwrap();
        assert!(folder.contains("docs/work-items/ET-1/a.md"));
        assert!(!folder.contains("docs/work-items/ET-10/a.md") && !folder.contains("docs/work-items/ET-1"));
        for bad in ["", "a/b", "..", ".a", "a..b", "x.lock", "-a", "a b"] {
            assert!(TaskKey::new(bad).is_err(), "{bad:?}");
        }
        assert!(Identity::new("Ann", "a@b").is_ok());
        for (name, email) in [("", "a@b"), ("Ann", " "), ("A\nB", "a@b"), ("A<", "a@b"), ("...", "a@b")] {
            assert!(Identity::new(name, email).is_err(), "{name:?}");
        }
    }
}
