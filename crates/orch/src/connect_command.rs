//! `orch connect`: something of a team's servers becomes a repository's, in one command that can be repeated at any time. One
//! file for each product.

mod gitea;
mod plane;

pub use gitea::hook_address;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::settings::Host;
use crate::settings::paths::create_private;

/// Let a server of your team be heard: its issues, or what its forge tells.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch connect plane --url https://plane.example.org --workspace acme\n  orch connect gitea"
)]
pub struct ConnectArgs {
    #[command(subcommand)]
    product: ConnectTo,
}

#[derive(Debug, Subcommand)]
enum ConnectTo {
    /// A project on a Plane server; the same again repairs what is there
    #[command(after_help = "Examples:\n  \
        ORCH_PLANE_API_KEY=plane_api_… orch connect plane --url https://plane.example.org\n  \
        orch connect plane --workspace acme --project SHOP --key-file /etc/orch/plane-key\n  \
        orch connect plane --make-states\n\n\
        What is not given is asked for on a terminal. Keys are kept in files beside the host file, for\n\
        you alone.")]
    Plane(plane::PlaneArgs),
    /// A repository's Gitea or Forgejo server; the same again repairs what is there
    #[command(
        visible_alias = "forgejo",
        after_help = "Examples:\n  \
        ORCH_GITEA_TOKEN=… orch connect gitea\n  \
        orch connect gitea --repository shop --url https://git.example.org/team/shop\n  \
        orch connect gitea --token-file /etc/orch/gitea-token --hook-address http://orch.lan:8500\n\n\
        What is not given is asked for on a terminal. Secrets are kept in files beside the host file,\n\
        for you alone."
    )]
    Gitea(gitea::GiteaArgs),
}

/// Runs it.
///
/// # Errors
/// What is missing or refused, and what to do.
pub fn run(args: &ConnectArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    match &args.product {
        ConnectTo::Plane(args) => plane::run(args, screen, env),
        ConnectTo::Gitea(args) => gitea::run(args, screen, env),
    }
}

/// Keeps a secret in a file of its own beside the host file.
fn keep(host: &Host, name: &str, secret: &str) -> Result<Utf8PathBuf, Failure> {
    let folder = host.paths.config_file.parent().unwrap_or(Utf8Path::new("/"));
    create_private(folder)?;
    let file = folder.join(name);
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("the secret cannot be kept: {error}")).at(file.as_str())
    };
    // A file that is there keeps its mode, so it goes first.
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut opened =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).map_err(failed)?;
    opened.write_all(format!("{}\n", secret.trim()).as_bytes()).map_err(failed)?;
    Ok(file)
}
