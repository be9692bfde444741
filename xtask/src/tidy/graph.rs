//! Who depends on whom, as cargo says it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::deps::WITHOUT_ASYNC;
use crate::{process, root};

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Part of the product.
    Normal,
    /// Needed to build it.
    Build,
    /// Needed by its tests, examples and benches only.
    Dev,
}

/// One line of a crate's `Cargo.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The package depended on.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Whether a feature switches it on.
    pub optional: bool,
}

/// The workspace's dependencies.
#[derive(Debug, Default)]
pub struct Graph {
    /// For each crate of the workspace the lines of its `Cargo.toml`.
    pub direct: BTreeMap<String, BTreeSet<Dependency>>,
    /// Where each crate's `Cargo.toml` is, from the root.
    pub manifests: BTreeMap<String, String>,
    /// For some crates everything that is linked into the product because of them, however far.
    pub trees: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// The crates of the workspace, by name.
    pub fn crates(&self) -> Vec<&str> {
        self.direct.keys().map(String::as_str).collect()
    }
}

/// Asks cargo.
///
/// # Errors
/// If cargo fails or its answer has another form.
pub fn read(root: &Path) -> Result<Graph> {
    let answer = process::read(
        Command::new(root::cargo()).args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(root),
    )?;
    let mut graph = parse(&answer, root)?;
    for name in WITHOUT_ASYNC.iter().filter(|name| graph.direct.contains_key(**name)) {
        // `cargo tree` and not the resolved metadata: there the features of all crates are merged,
        // and what one crate switches on would be seen in the tree of another.
        let tree = process::read(
            Command::new(root::cargo())
                .args(["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", name])
                .current_dir(root),
        )?;
        graph.trees.insert((*name).to_owned(), parse_tree(&tree));
    }
    Ok(graph)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    kind: Option<String>,
    optional: bool,
}

fn parse(answer: &str, root: &Path) -> Result<Graph> {
    let metadata: Metadata = serde_json::from_str(answer).context("cargo metadata answered in another form")?;
    let mut graph = Graph::default();
    for package in metadata.packages {
        let manifest = super::relative(root, Path::new(&package.manifest_path));
        graph.manifests.insert(package.name.clone(), manifest);
        let lines = package.dependencies.into_iter().map(|line| Dependency {
            name: line.name,
            kind: match line.kind.as_deref() {
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                _ => Kind::Normal,
            },
            optional: line.optional,
        });
        graph.direct.insert(package.name, lines.collect());
    }
    Ok(graph)
}

/// `serde v1.0.229 (*)` on every line; the first is the crate itself.
fn parse_tree(text: &str) -> BTreeSet<String> {
    text.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_answer_is_read() {
        let answer = r#"{"packages":[{"name":"orch-git","manifest_path":"/r/crates/orch-git/Cargo.toml","dependencies":[
            {"name":"serde","kind":null,"optional":false},{"name":"tempfile","kind":"dev","optional":false},
            {"name":"x","kind":null,"optional":true}]}],"more":1}"#;
        let graph = parse(answer, Path::new("/r")).unwrap();
        assert_eq!(graph.crates(), ["orch-git"]);
        assert_eq!(graph.manifests["orch-git"], "crates/orch-git/Cargo.toml");
        let lines: Vec<_> =
            graph.direct["orch-git"].iter().map(|line| (line.name.as_str(), line.kind, line.optional)).collect();
        assert_eq!(lines, [("serde", Kind::Normal, false), ("tempfile", Kind::Dev, false), ("x", Kind::Normal, true)]);
        assert!(parse("[]", Path::new("/r")).is_err());
    }

    #[test]
    fn a_tree_is_a_set_of_names() {
        let tree = parse_tree("orch-git v0.1.0 (/r)\nserde v1.0.1\nserde v1.0.1 (*)\nrustix v1.1.6\n");
        assert_eq!(tree.into_iter().collect::<Vec<_>>(), ["rustix", "serde"]);
    }
}
