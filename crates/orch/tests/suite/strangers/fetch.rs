//! Sources from the registries, by their ordinary clients.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a package comes from.
pub enum Registry {
    /// By `cargo fetch`.
    Crates,
    /// By `go mod download`.
    Go,
    /// By `npm pack`.
    Node,
    /// By `pip download`.
    Python,
}

/// What was fetched.
pub struct Fetched {
    /// An archive, or for Go a folder.
    at: PathBuf,
    /// What it is pinned by.
    pub sum: String,
}

/// Fetches a package, unless an earlier test has.
///
/// # Errors
/// Why it is not to be had here: the client is missing, or its registry is out of reach.
pub fn fetch(registry: &Registry, name: &str, version: &str) -> Result<Fetched, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("strangers").join(name.replace('/', "-"));
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let both = |between: &str| format!("{name}{between}{version}");
    match registry {
        Registry::Crates => {
            let manifest = format!(
                "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\n[lib]\npath = \"/dev/null\"\n[workspace]\n[dependencies]\n{name} = \"={version}\"\n"
            );
            std::fs::write(place.join("Cargo.toml"), manifest).map_err(|error| error.to_string())?;
            run(&place, "cargo", &["fetch", "--quiet"])?;
            archive(&place.join("home/registry/cache"), &format!("{}.crate", both("-")))
        }
        Registry::Python => {
            let pinned = both("==");
            let words =
                ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", ".", &pinned];
            run(&place, "python3", &words)?;
            archive(&place, &format!("{}.tar.gz", both("-")))
        }
        Registry::Node => {
            run(&place, "npm", &["pack", "--silent", &both("@")])?;
            archive(&place, &format!("{}.tgz", both("-")))
        }
        Registry::Go => {
            std::fs::write(place.join("go.mod"), "module fetch\n").map_err(|error| error.to_string())?;
            let said = run(&place, "go", &["mod", "download", "-json", &both("@")])?;
            let told: serde_json::Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
            let word = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
            Ok(Fetched { at: word("Dir").into(), sum: word("Sum") })
        }
    }
}

/// The archive of that name somewhere below `folder`, and its SHA-256.
fn archive(folder: &Path, name: &str) -> Result<Fetched, String> {
    let found = run(folder, "find", &[".", "-name", name])?;
    let at = found.lines().next().ok_or_else(|| format!("{name} is not what was fetched"))?;
    let said = run(folder, "sha256sum", &[at])?;
    Ok(Fetched { at: folder.join(at), sum: said.split(' ').next().unwrap_or_default().to_owned() })
}

impl Fetched {
    /// Puts the project into a new folder: all of it, or what lies in `below`.
    pub fn unpack(&self, to: &Path, below: &str) -> Result<(), String> {
        std::fs::create_dir(to).map_err(|error| error.to_string())?;
        let at = self.at.display().to_string();
        if self.at.is_dir() {
            run(to, "cp", &["-R", &format!("{at}/."), "."])?;
            return run(to, "chmod", &["-R", "u+w", "."]).map(drop);
        }
        let depth = if below.is_empty() { "1" } else { "2" };
        let only = format!("*/{below}/*");
        let mut words = vec!["-xzf", &at, "--strip-components", depth, "--no-same-owner"];
        if !below.is_empty() {
            words.extend(["--wildcards", &only]);
        }
        run(to, "tar", &words).map(drop)
    }
}

/// What a program prints; an error if it is not there or ends badly. What clients keep, they keep beside what they fetch.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let own = |name: &str| folder.join(name);
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_HOME", own("home"))
        .env("GOMODCACHE", own("home"))
        .env("GOFLAGS", "-modcacherw")
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word of why").to_owned();
    Err(format!("{program} {}: {last}", arguments.first().unwrap_or(&"")))
}
