//! What the tools of an ecosystem keep of what they fetched: where they keep it, and the files that say what they fetch.

/// In a value of [`Ecosystem::variables`]: the folder that all caches of a run lie in.
pub const CACHE: &str = "{cache}";

/// One ecosystem of packages, as `[cache] of` names it.
#[derive(Debug, PartialEq, Eq)]
pub struct Ecosystem {
    /// Its name.
    pub name: &'static str,
    /// Variables that make its tools keep what they fetch below [`CACHE`].
    pub variables: &'static [(&'static str, &'static str)],
    /// What is kept from run to run, below [`CACHE`]: what was fetched, and nothing that was built or tested, for what is
    /// judged has to be run.
    pub kept: &'static [&'static str],
    /// Files at the top of a repository that say what is fetched: as long as they are the same, so is the cache.
    pub files: &'static [&'static str],
}

/// All that are known.
pub const ALL: &[Ecosystem] = &[
    Ecosystem {
        name: "npm",
        variables: &[("npm_config_cache", "{cache}/npm")],
        kept: &["npm/_cacache"],
        files: &["package-lock.json", "npm-shrinkwrap.json", "package.json"],
    },
    Ecosystem {
        name: "pnpm",
        variables: &[("npm_config_store_dir", "{cache}/pnpm"), ("pnpm_config_store_dir", "{cache}/pnpm")],
        kept: &["pnpm"],
        files: &["pnpm-lock.yaml", "package.json"],
    },
    Ecosystem {
        name: "yarn",
        variables: &[("YARN_CACHE_FOLDER", "{cache}/yarn"), ("YARN_GLOBAL_FOLDER", "{cache}/yarn-global")],
        kept: &["yarn", "yarn-global/cache"],
        files: &["yarn.lock", "package.json"],
    },
    Ecosystem {
        name: "pip",
        variables: &[("PIP_CACHE_DIR", "{cache}/pip")],
        kept: &["pip"],
        files: &["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "requirements-dev.txt", "tox.ini"],
    },
    Ecosystem {
        name: "uv",
        variables: &[("UV_CACHE_DIR", "{cache}/uv")],
        kept: &["uv"],
        files: &["uv.lock", "pyproject.toml"],
    },
    Ecosystem {
        name: "poetry",
        variables: &[("POETRY_CACHE_DIR", "{cache}/poetry")],
        kept: &["poetry/cache", "poetry/artifacts"],
        files: &["poetry.lock", "pyproject.toml"],
    },
    Ecosystem {
        name: "cargo",
        variables: &[("CARGO_HOME", "{cache}/cargo")],
        kept: &["cargo/registry/cache", "cargo/registry/index"],
        files: &["Cargo.lock", "Cargo.toml"],
    },
    Ecosystem {
        name: "go",
        // What it unpacks could otherwise not be removed.
        variables: &[("GOMODCACHE", "{cache}/go"), ("GOFLAGS", "-modcacherw")],
        kept: &["go/cache/download"],
        files: &["go.sum", "go.mod"],
    },
    Ecosystem {
        name: "bundler",
        variables: &[("BUNDLE_USER_CACHE", "{cache}/bundler"), ("BUNDLE_GLOBAL_GEM_CACHE", "true")],
        kept: &["bundler"],
        files: &["Gemfile.lock", "Gemfile"],
    },
    Ecosystem {
        name: "maven",
        variables: &[("MAVEN_OPTS", "-Dmaven.repo.local={cache}/maven")],
        kept: &["maven"],
        files: &["pom.xml"],
    },
    Ecosystem {
        name: "gradle",
        variables: &[("GRADLE_USER_HOME", "{cache}/gradle")],
        kept: &["gradle/caches/modules-2", "gradle/wrapper"],
        files: &[
            "gradle.lockfile",
            "gradle/libs.versions.toml",
            "gradle/wrapper/gradle-wrapper.properties",
            "build.gradle",
            "build.gradle.kts",
            "settings.gradle",
            "settings.gradle.kts",
        ],
    },
];

/// The ecosystem of this name.
pub fn named(name: &str) -> Option<&'static Ecosystem> {
    ALL.iter().find(|ecosystem| ecosystem.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_ecosystem_keeps_its_own_folders_below_the_cache_and_says_when_they_change() {
        let mut kept = BTreeSet::new();
        for Ecosystem { name, variables, kept: folders, files } in ALL {
            assert_eq!(named(name).map(|found| found.name), Some(*name));
            assert!(!files.is_empty(), "{name}");
            for folder in *folders {
                assert!(kept.insert(*folder), "{folder} twice");
                let below = |value: &&str| {
                    let at = value.split("{cache}/").nth(1);
                    at.is_some_and(|at| *folder == at || folder.starts_with(&format!("{at}/")))
                };
                assert!(variables.iter().any(|(_, value)| below(value)), "{name}: nothing puts anything into {folder}");
                assert!(!folder.split('/').any(|part| matches!(part, "" | "." | "..")));
            }
        }
    }
}
