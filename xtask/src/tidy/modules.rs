//! A file that no `mod` names is compiled by nobody: its tests never run, and nothing says so.

use std::collections::HashSet;

use super::{File, Violation};

/// Files that cargo finds by itself.
const ROOTS: [&str; 3] = ["main.rs", "lib.rs", "build.rs"];

/// Every file of a package's `src` and `tests` that no module above it names.
pub fn check(files: &[File]) -> Vec<Violation> {
    let rust = || files.iter().filter(|file| file.path.ends_with(".rs"));
    let named: HashSet<String> = rust().flat_map(named_by).collect();
    let inside = |path: &str| path.contains("/src/") || path.contains("/tests/suite/");
    let orphans = rust().filter(|file| {
        let root = file.path.rsplit('/').next().is_some_and(|name| ROOTS.contains(&name));
        // A program of its own.
        let program = file.path.contains("/src/bin/");
        inside(&file.path) && !root && !program && !named.contains(&file.path)
    });
    let words = "no `mod` names this file, so nobody compiles it: name it in the module above, or remove it";
    orphans.map(|file| Violation::new(&file.path, 0, "modules", words)).collect()
}

/// The paths that the declarations in a file may mean.
fn named_by(file: &File) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let below = match name {
        "mod.rs" | "main.rs" | "lib.rs" => folder.to_owned(),
        _ => file.path.trim_end_matches(".rs").to_owned(),
    };
    let mut named = Vec::new();
    for line in file.text.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.split('"').next()) {
            named.push(resolved(folder, path));
        }
        let words = line.split_whitespace().skip_while(|word| word.starts_with("pub") || word.starts_with("#["));
        let declared: Vec<&str> = words.take(2).collect();
        if let ["mod", name] = declared[..]
            && let Some(module) = name.strip_suffix(';')
        {
            named.extend([format!("{below}/{module}.rs"), format!("{below}/{module}/mod.rs")]);
        }
    }
    named
}

/// A path as seen from a folder.
fn resolved(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_names_is_found() {
        let files = [
            File::new("crates/a/src/lib.rs", "mod one;\n#[cfg(test)]\nmod two;\npub(crate) mod deep;\n"),
            File::new("crates/a/src/one.rs", "mod inner;\n"),
            File::new("crates/a/src/one/inner.rs", ""),
            File::new("crates/a/src/two.rs", ""),
            File::new("crates/a/src/deep/mod.rs", "mod lower;\n"),
            File::new("crates/a/src/deep/lower.rs", ""),
            File::new("crates/a/src/bin/tool.rs", ""),
            File::new("crates/a/tests/suite/main.rs", "#[path = \"../../../b/tests/suite/shared.rs\"]\nmod shared;\n"),
            File::new("crates/b/tests/suite/shared.rs", ""),
        ];
        assert_eq!(check(&files), []);
        let mut files = files.to_vec();
        files.extend(
            ["src/lost.rs", "tests/suite/lost.rs", "src/one/lost.rs", "src/deep/lost/mod.rs"]
                .map(|path| File::new(&format!("crates/a/{path}"), "")),
        );
        let found: Vec<String> = check(&files).into_iter().map(|violation| violation.path).collect();
        assert_eq!(
            found,
            [
                "crates/a/src/lost.rs",
                "crates/a/tests/suite/lost.rs",
                "crates/a/src/one/lost.rs",
                "crates/a/src/deep/lost/mod.rs"
            ]
        );
    }
}
