//! JavaScript and TypeScript.

use camino::Utf8Path;
use serde_json::Value;

use super::{Found, Language, first, is_file, text};

/// Lock file, package manager, what it installs with, and how it runs the script `test`.
const MANAGERS: &[(&str, &str, &str, &str)] = &[
    ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile", "pnpm test"),
    ("yarn.lock", "yarn", "yarn install --frozen-lockfile", "yarn test"),
    ("bun.lock", "bun", "bun install --frozen-lockfile", "bun run test"),
    ("bun.lockb", "bun", "bun install --frozen-lockfile", "bun run test"),
    ("package-lock.json", "npm", "npm ci", "npm test"),
    ("npm-shrinkwrap.json", "npm", "npm ci", "npm test"),
];

pub(super) fn read(top: &Utf8Path) -> Language {
    let Some(manifest) = text(top, "package.json") else {
        let deno = first(top, &["deno.json", "deno.jsonc"]);
        return Language {
            test: deno.map(|file| Found::new("deno test", format!("{file}: Deno"))),
            ..Language::default()
        };
    };
    let manifest: Value = serde_json::from_str(&manifest).unwrap_or_default();
    let locked = MANAGERS.iter().find(|(lock, ..)| is_file(top, lock));
    // `packageManager` is read by Corepack: https://nodejs.org/api/packages.html#packagemanager
    let named = manifest["packageManager"].as_str().and_then(|named| named.split('@').next());
    let manager = locked.or_else(|| MANAGERS.iter().find(|(_, manager, ..)| Some(*manager) == named));
    let test = manager.map_or("npm test", |(.., test)| test);
    let set_up = match locked {
        // Yarn 2 and later call it by another name, and have a file of their own.
        Some((lock, "yarn", ..)) if is_file(top, ".yarnrc.yml") => Some(Found::new("yarn install --immutable", *lock)),
        Some((lock, _, install, _)) => Some(Found::new(*install, *lock)),
        None if needs_something(&manifest) => match manager {
            Some((_, manager, ..)) => Some(Found::new(format!("{manager} install"), "package.json names packages")),
            None => {
                Some(Found::new("npm install --no-package-lock", "package.json names packages, without a lock file"))
            }
        },
        None => None,
    };
    Language {
        test: has_test(&manifest).then(|| Found::new(test, "package.json has a `test` script")),
        set_up,
        programs: None,
    }
}

/// Whether there is a test script other than the placeholder of `npm init`.
fn has_test(manifest: &Value) -> bool {
    manifest["scripts"]["test"]
        .as_str()
        .is_some_and(|script| !script.trim().is_empty() && !script.contains("no test specified"))
}

fn needs_something(manifest: &Value) -> bool {
    ["dependencies", "devDependencies", "optionalDependencies"]
        .iter()
        .any(|kind| manifest[kind].as_object().is_some_and(|packages| !packages.is_empty()))
}
