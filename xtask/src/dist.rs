//! `cargo xtask dist`: one program that runs on any Linux of this processor, packed with its checksum.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{interrupt, process, root, test};

/// Nothing is to be chosen.
#[derive(Args)]
pub struct Options {}

/// What goes into the archive beside the program.
const PAPERS: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "docs", "packaging"];

/// Builds the program against musl, whole and stripped, looks that it needs nothing of the machine, and writes
/// `orch-VERSION-TARGET.tar.gz` with its SHA-256 into `target/dist`. The same commit gives the same bytes in the archive
/// beside the program.
///
/// # Errors
/// If the target, the C compiler for it or the build cannot be had; the words say which.
pub fn run(_: &Options) -> Result<ExitCode> {
    interrupt::watch()?;
    let root = root::find()?;
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    prepare(&target)?;
    let program = build(&root, &target)?;
    let version = static_version(&program)?;
    let archive = pack(&root, &program, &format!("orch-{version}-{target}"))?;
    let sum = checksum(&archive)?;
    println!("\n{}\n{sum}", archive.display());
    Ok(ExitCode::SUCCESS)
}

/// The standard library for the target, and a C compiler for it: SQLite and the cryptography are C.
fn prepare(target: &str) -> Result<()> {
    let added = process::stream(Command::new("rustup").args(["target", "add", target]), |_| ())?;
    ensure!(added.success(), "rustup could not add the target {target}; its words stand above");
    if process::succeeds(Command::new("musl-gcc").arg("--version")) {
        return Ok(());
    }
    let private = tempfile::Builder::new().prefix("orch-dist-").tempdir()?;
    test::install(&["musl-tools"], private.path())
        .map_err(|why| anyhow::anyhow!("musl-gcc, the C compiler for {target}: {why}"))
}

fn build(root: &Path, target: &str) -> Result<PathBuf> {
    let compiler = format!("CC_{}", target.replace('-', "_"));
    let mut cargo = Command::new(root::cargo());
    cargo
        .args(["build", "--release", "--locked", "--package", "orchestrion", "--target", target])
        .current_dir(root)
        .env(compiler, "musl-gcc");
    ensure!(process::stream(&mut cargo, |_| ())?.success(), "it does not compile; cargo's words stand above");
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(folder.join(target).join("release/orch"))
}

/// The version that the program says, once it is sure that no loader and no library of the machine is needed.
fn static_version(program: &Path) -> Result<String> {
    let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    ensure!(!needs_loader(&bytes)?, "{} needs a loader of the machine: it is not static", program.display());
    let said = Command::new(program).arg("--version").output().context("the program does not start")?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.split_whitespace().nth(1).map(str::to_owned).with_context(|| format!("`orch --version` says {said:?}"))
}

/// Whether an ELF file of 64 bits, little-endian, names a program interpreter: a program header of the type `PT_INTERP`, 3
/// (elf(5)).
fn needs_loader(bytes: &[u8]) -> Result<bool> {
    let number = |at: usize, size: usize| -> Result<u64> {
        let field = bytes.get(at..at + size).context("the ELF file is cut off")?;
        Ok(field.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    };
    ensure!(bytes.starts_with(b"\x7fELF\x02\x01"), "it is no ELF file of 64 bits, little-endian");
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for header in 0..count {
        if number(usize::try_from(table + header * size)?, 4)? == 3 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Everything in one folder of the archive; owners, order and times do not depend on who packs.
fn pack(root: &Path, program: &Path, name: &str) -> Result<PathBuf> {
    let folder = root.join("target/dist");
    std::fs::create_dir_all(&folder)?;
    let archive = folder.join(format!("{name}.tar.gz"));
    let dated = Command::new("git").args(["log", "-1", "--format=%cI"]).current_dir(root).output()?;
    let date = String::from_utf8_lossy(&dated.stdout).trim().to_owned();
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--use-compress-program=gzip -n",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mode=u=rwX,go=rX",
    ]);
    tar.arg(format!("--mtime={date}")).arg(format!("--transform=s,^,{name}/,")).arg("--file").arg(&archive);
    tar.arg("--directory").arg(root).args(PAPERS);
    tar.arg("--directory").arg(program.parent().context("the program has no folder")?).arg("orch");
    ensure!(process::stream(&mut tar, |_| ())?.success(), "tar failed; its words stand above");
    Ok(archive)
}

/// Writes `ARCHIVE.sha256` as `sha256sum --check` reads it; gives its line.
fn checksum(archive: &Path) -> Result<String> {
    let (folder, name) = (archive.parent(), archive.file_name());
    let (folder, name) = folder.zip(name).context("the archive has no name")?;
    let summed =
        Command::new("sha256sum").arg(name).current_dir(folder).output().context("sha256sum does not start")?;
    ensure!(summed.status.success(), "sha256sum failed: {}", String::from_utf8_lossy(&summed.stderr));
    let line = String::from_utf8_lossy(&summed.stdout).trim().to_owned();
    std::fs::write(format!("{}.sha256", archive.display()), format!("{line}\n"))?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_a_loader_is_told_from_one_that_does_not() {
        let elf = |kinds: &[u32]| {
            let mut bytes = b"\x7fELF\x02\x01".to_vec();
            bytes.resize(64, 0);
            bytes[32] = 64;
            bytes[54] = 56;
            bytes[56] = u8::try_from(kinds.len()).unwrap();
            for kind in kinds {
                bytes.extend(kind.to_le_bytes());
                bytes.resize(bytes.len() + 52, 0);
            }
            bytes
        };
        assert!(needs_loader(&elf(&[6, 3, 1])).unwrap());
        assert!(!needs_loader(&elf(&[1, 2])).unwrap());
        assert!(needs_loader(&elf(&[1])[..60]).is_err());
        assert!(needs_loader(b"#!/bin/sh\n").is_err());
    }
}
