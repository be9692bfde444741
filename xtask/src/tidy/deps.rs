//! The walls between crates.
//!
//! `rules ← ports ← {git, run, store, vendors}`; `engine → ports, rules, text`;
//! `web → engine, ports, rules, text`; `pages → web`; only the binary knows the implementations.

use super::Violation;
use super::graph::{Graph, Kind};

/// For each crate the crates of the workspace it may be built from. Tests may look further.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("orch-rules", &[]),
    ("orch-ports", &["orch-rules"]),
    ("orch-text", &["orch-rules"]),
    ("orch-git", &["orch-ports", "orch-rules"]),
    ("orch-run", &["orch-ports", "orch-rules"]),
    ("orch-egress", &[]),
    ("orch-store", &["orch-ports", "orch-rules"]),
    ("orch-vendors", &["orch-egress", "orch-git", "orch-ports", "orch-rules", "orch-run", "orch-text"]),
    ("orch-engine", &["orch-ports", "orch-rules", "orch-text"]),
    ("orch-web", &["orch-engine", "orch-ports", "orch-rules", "orch-text"]),
    ("orch-pages", &["orch-engine", "orch-ports", "orch-rules", "orch-text", "orch-web"]),
    ("orch-testkit", &["orch-ports", "orch-rules"]),
    (STORIES, &["orch-engine", "orch-ports", "orch-rules", "orch-store", "orch-testkit", "orch-text"]),
    (
        BINARY,
        &[
            "orch-egress",
            "orch-engine",
            "orch-git",
            "orch-pages",
            "orch-ports",
            "orch-rules",
            "orch-run",
            "orch-store",
            "orch-testkit",
            "orch-text",
            "orch-vendors",
            "orch-web",
        ],
    ),
    // It must start and say what is wrong when one of the others does not compile.
    ("xtask", &[]),
];

const BINARY: &str = "orchestrion";
const TESTKIT: &str = "orch-testkit";
/// The engine on a store, for the tests of whoever stands on it.
const STORIES: &str = "orch-stories";

/// Database clients, and the one crate that may name them: all SQL stands there.
const DATABASES: &[&str] =
    &["rusqlite", "libsqlite3-sys", "tokio-postgres", "postgres", "deadpool-postgres", "sqlx", "diesel"];
const STORE: &str = "orch-store";

/// Crates without an async runtime anywhere below them: the rules are pure, git is a program that
/// is waited for, and runs are the security boundary, read in one sitting.
pub const WITHOUT_ASYNC: &[&str] = &["orch-rules", "orch-git", "orch-run", "orch-egress"];

const ASYNC: &[&str] = &["tokio", "mio", "smol", "polling", "futures", "hyper", "pollster", "glommio", "monoio"];
const ASYNC_FAMILIES: &[&str] = &["tokio-", "async-", "futures-"];

/// Checks the whole graph.
pub fn check(graph: &Graph) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, lines) in &graph.direct {
        let manifest = graph.manifests.get(name).map_or("Cargo.toml", String::as_str);
        let mut say = |rule, words: String| found.push(Violation::new(manifest, 0, rule, words));
        let allowed = MAY_DEPEND_ON.iter().find(|(krate, _)| krate == name).map(|(_, allowed)| *allowed);
        if allowed.is_none() {
            say("walls", format!("no wall is drawn for `{name}`: add it to MAY_DEPEND_ON in xtask/src/tidy/deps.rs"));
        }
        for line in lines {
            let to = line.name.as_str();
            let internal = graph.direct.contains_key(to);
            let built_in = line.kind != Kind::Dev;
            if built_in && internal && allowed.is_some_and(|allowed| !allowed.contains(&to)) {
                let allowed =
                    allowed.filter(|allowed| !allowed.is_empty()).map_or("no other".to_owned(), |a| a.join(", "));
                say(
                    "walls",
                    format!(
                        "`{name}` must not depend on `{to}` (it may on: {allowed}): pass what it needs through a port"
                    ),
                );
            }
            if built_in && to == TESTKIT && name != STORIES && (name != BINARY || !line.optional) {
                say("testkit", format!("`{TESTKIT}` is for tests: a dev-dependency, or in `{BINARY}` an optional one"));
            }
            if DATABASES.contains(&to) && name != STORE {
                say("databases", format!("only `{STORE}` speaks to a database, not `{name}`: drop `{to}`"));
            }
        }
    }
    for (name, tree) in &graph.trees {
        let manifest = graph.manifests.get(name).map_or("Cargo.toml", String::as_str);
        for below in tree.iter().filter(|below| is_async(below)) {
            let words = format!(
                "`{name}` is synchronous all the way down and `{below}` is below it: `cargo tree -e normal -p {name} -i {below}` shows the way"
            );
            found.push(Violation::new(manifest, 0, "no async", words));
        }
    }
    found
}

fn is_async(name: &str) -> bool {
    ASYNC.contains(&name) || ASYNC_FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::super::graph::Dependency;
    use super::*;

    fn graph(lines: &[(&str, &str, Kind, bool)]) -> Graph {
        let mut graph = Graph::default();
        for (name, _) in MAY_DEPEND_ON {
            graph.direct.entry((*name).to_owned()).or_default();
        }
        for (from, to, kind, optional) in lines {
            let line = Dependency { name: (*to).to_owned(), kind: *kind, optional: *optional };
            graph.direct.entry((*from).to_owned()).or_default().insert(line);
        }
        graph
    }

    fn rules(lines: &[(&str, &str, Kind, bool)]) -> Vec<&'static str> {
        check(&graph(lines)).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn the_house_as_planned_stands() {
        let lines = [
            ("orch-ports", "orch-rules", Kind::Normal, false),
            ("orch-web", "orch-engine", Kind::Normal, false),
            ("orch-vendors", "orch-git", Kind::Normal, false),
            ("orch-store", "rusqlite", Kind::Normal, false),
            ("orchestrion", "orch-store", Kind::Normal, false),
            ("orchestrion", "orch-testkit", Kind::Normal, true),
            ("orch-engine", "orch-testkit", Kind::Dev, false),
            ("orch-engine", "orch-store", Kind::Dev, false),
            ("orch-stories", "orch-testkit", Kind::Normal, false),
            ("orch-web", "orch-stories", Kind::Dev, false),
            ("orch-rules", "serde", Kind::Normal, false),
        ];
        assert_eq!(rules(&lines), [""; 0]);
    }

    #[test]
    fn every_wall_is_held() {
        for (from, to) in [
            ("orch-rules", "orch-ports"),
            ("orch-ports", "orch-git"),
            ("orch-git", "orch-run"),
            ("orch-engine", "orch-store"),
            ("orch-engine", "orch-git"),
            ("orch-web", "orch-store"),
            ("orch-store", "orch-engine"),
            ("orch-vendors", "orch-store"),
            ("xtask", "orch-rules"),
            ("orch-web", "orch-stories"),
        ] {
            assert_eq!(rules(&[(from, to, Kind::Normal, false)]), ["walls"], "{from} -> {to}");
            assert_eq!(rules(&[(from, to, Kind::Build, false)]), ["walls"], "{from} -> {to}");
        }
    }

    #[test]
    fn a_new_crate_needs_a_wall() {
        assert_eq!(rules(&[("orch-new", "serde", Kind::Normal, false)]), ["walls"]);
    }

    #[test]
    fn the_testkit_is_for_tests() {
        assert_eq!(rules(&[("orchestrion", "orch-testkit", Kind::Normal, false)]), ["testkit"]);
        assert_eq!(rules(&[("orch-web", "orch-testkit", Kind::Normal, true)]), ["walls", "testkit"]);
    }

    #[test]
    fn only_the_store_speaks_to_a_database() {
        for kind in [Kind::Normal, Kind::Dev] {
            assert_eq!(rules(&[("orch-web", "rusqlite", kind, false)]), ["databases"]);
        }
    }

    #[test]
    fn no_runtime_below_the_synchronous_crates() {
        let mut graph = graph(&[]);
        graph.trees.insert("orch-git".to_owned(), ["serde", "rustix"].map(str::to_owned).into());
        assert_eq!(check(&graph), []);
        graph.trees.insert("orch-git".to_owned(), ["serde", "futures-core", "tokio"].map(str::to_owned).into());
        assert_eq!(check(&graph).len(), 2);
    }
}
