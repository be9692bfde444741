//! `orch connect gitea`: what the account may do is proved, the webhook is made, and a test of it goes there and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use clap::Args;
use orch_git::Git;
use orch_ports::PortError;
use orch_vendors::forge::gitea::{GiteaApi, Page, hooks, make_hook, requirements, test_hook};
use orch_web::view::ForgeHooksView;

use super::keep;
use crate::client::Caller;
use crate::doctor::{State, Told, api_fix, examine_server, judged};
use crate::exit::{Exit, Failure};
use crate::init::{entries, read_repository_file};
use crate::screen::{Screen, printable};
use crate::settings::forge::Product;
use crate::settings::remote::read_token;
use crate::settings::{self, Host, RepositoryEntry};
use crate::wiring::repositories::api;

const TOKEN_VARIABLE: &str = "ORCH_GITEA_TOKEN";
const URL_VARIABLE: &str = "ORCH_GITEA_URL";
/// A person waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long a test of the webhook may take there and back: servers send within some three seconds.
const ARRIVES_WITHIN: Duration = Duration::from_secs(15);

/// Which repository, and where its server is.
#[derive(Debug, Args)]
pub struct GiteaArgs {
    /// The repository; the only one, if there is one
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Its page on the server, https://HOST/OWNER/NAME; else ORCH_GITEA_URL, or the remote if that is by https
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A file with the token of the service's account there; else ORCH_GITEA_TOKEN is kept in one
    #[arg(long, value_name = "FILE")]
    token_file: Option<Utf8PathBuf>,
    /// Where the server reaches this service; else `service.public_url`
    #[arg(long, value_name = "URL")]
    hook_address: Option<String>,
    /// Make no webhook: what happens is found by asking, once a minute
    #[arg(long)]
    no_hook: bool,
}

/// Runs it.
///
/// # Errors
/// What is missing or refused, and what to do.
pub fn run(args: &GiteaArgs, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let id = one_of(args.repository.as_deref(), &host)?;
    let entry = entry(&host, &id)?;
    let Some(remote) = entry.remote.url.clone() else {
        let what = format!("the branches of {id} live on this machine");
        return Err(Failure::new(Exit::Usage, what)
            .fix("take it in from its server first: orch repo add https://HOST/OWNER/NAME.git --credential NAME"));
    };
    let url = page_of(args, entry, &remote, screen, env)?;
    let (mut host, mut written) = (host.clone(), Vec::new());
    if let Some(file) = token_of(args, &host, &id, screen, env)? {
        let name = format!("gitea-{id}");
        entries::set_value(&host.paths, &format!("credentials.{name}"), "token_file", file.as_str())?;
        written.push(("forge_credential", name));
    }
    if entry.forge.kind.is_none() {
        written.push(("forge", "gitea".to_owned()));
    }
    if entry.forge.url.as_deref() != Some(&url)
        && Page::new(&remote).ok().map(|page| page.to_string()) != Some(url.clone())
    {
        written.push(("forge_url", url.clone()));
    }
    if !written.is_empty() {
        entries::set_keys(&host.paths, &id, &written)?;
        host = settings::load(env)?.0;
    }
    let product = product(&host, &id)?;
    prove(&host, &id, product.clone(), screen, env)?;
    let hooked = if args.no_hook { None } else { Some(hook(args, &host, &id, product, screen)?) };
    if args.no_hook {
        screen.line("No webhook: what happens there is found by asking, once a minute.");
    }
    screen.json(&serde_json::json!({"repository": id, "page": url, "webhook": hooked}));
    Ok(())
}

fn one_of(wanted: Option<&str>, host: &Host) -> Result<String, Failure> {
    let ids: Vec<&str> = host.repositories.iter().map(|entry| entry.id.as_str()).collect();
    let wrong = |what: String, fix: String| Err(Failure::new(Exit::Usage, what).fix(fix));
    match (wanted, ids.as_slice()) {
        (Some(id), ids) if ids.contains(&id) => Ok(id.to_owned()),
        (Some(id), _) => {
            wrong(format!("there is no repository {}", printable(id)), format!("there are: {}", ids.join(", ")))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => wrong("no repository is registered on this host".to_owned(), "orch repo add URL".to_owned()),
        (None, several) => wrong(
            "there are several repositories".to_owned(),
            format!("name one: --repository, of {}", several.join(", ")),
        ),
    }
}

fn entry<'h>(host: &'h Host, id: &str) -> Result<&'h RepositoryEntry, Failure> {
    let found = host.repositories.iter().find(|entry| entry.id == id);
    found.ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no repository {id}")))
}

fn product(host: &Host, id: &str) -> Result<Product, Failure> {
    let found = host.product(entry(host, id)?);
    found.ok_or_else(|| {
        Failure::new(Exit::Settings, format!("the forge of {id} has no token")).fix("give --token-file FILE")
    })
}

/// The repository's page.
fn page_of(
    args: &GiteaArgs,
    entry: &RepositoryEntry,
    remote: &str,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    let by_https = || Page::new(remote).ok().map(|page| page.to_string());
    let known = args.url.clone().or_else(|| entry.forge.url.clone()).or_else(|| env(URL_VARIABLE)).or_else(by_https);
    let known = known.or_else(|| screen.ask_text("The repository's page on the server: "));
    let known = known.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
        Failure::new(Exit::Usage, "the repository's page is not known").fix("give it: --url https://HOST/OWNER/NAME")
    })?;
    let page = Page::new(known.trim()).map_err(|why| Failure::new(Exit::Usage, why).at(printable(&known)))?;
    Ok(page.to_string())
}

/// The file with the token, if it is another one than the settings name.
fn token_of(
    args: &GiteaArgs,
    host: &Host,
    id: &str,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Utf8PathBuf>, Failure> {
    if let Some(file) = &args.token_file {
        read_token(file).map_err(|why| Failure::new(Exit::Settings, why).at(file.as_str()))?;
        return Ok(Some(file.clone()));
    }
    let given = env(TOKEN_VARIABLE).filter(|token| !token.trim().is_empty());
    let entry = entry(host, id)?;
    let name = entry.forge.credential.as_ref().or(entry.remote.credential.as_ref());
    let known = name.and_then(|name| host.credentials.get(name)).is_some_and(|found| found.token_file.is_some());
    let given = match given {
        None if known => return Ok(None),
        None => screen.ask_text("A token of the account that the service uses there: "),
        given => given,
    };
    let token = given.filter(|token| !token.trim().is_empty()).ok_or_else(|| {
        let fix = format!("set {TOKEN_VARIABLE}, or give --token-file FILE; scopes: write:repository, read:user");
        Failure::new(Exit::Usage, "no token for the server is known").fix(fix)
    })?;
    keep(host, &format!("gitea-{id}-token"), &token).map(Some)
}

/// Git and the API are asked for all that is needed; the branch `orch-doctor` is pushed and removed.
fn prove(
    host: &Host,
    id: &str,
    product: Product,
    screen: &Screen,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let entry = entry(host, id)?;
    let mut found: Vec<Told> = Vec::new();
    if let (Ok(git), Some(server)) = (Git::detect(env("PATH").unwrap_or_default()), host.server(entry)) {
        found.extend(examine_server(&git, entry, &server));
    }
    let main = read_repository_file(&entry.path).ok().flatten().unwrap_or_default().base_branch;
    let (page, credential) = (product.page.to_string(), product.credential());
    let asked = requirements(&the_api(product), &main).map_err(|error| refused(&error, &credential))?;
    found.extend(judged(&asked, &page, &main, &credential));
    for (state, words, fix) in &found {
        match (state, fix) {
            (State::Ok, _) => screen.line(&format!("{words}.")),
            (_, fix) => screen.warn(&format!("{words}; {}", fix.as_deref().unwrap_or_default())),
        }
    }
    match found.into_iter().find(|(state, ..)| *state == State::Fail) {
        Some((_, words, fix)) => {
            Err(Failure::new(Exit::Failed, words).fix(format!("{}, then repeat this command", fix.unwrap_or_default())))
        }
        None => Ok(()),
    }
}

/// Makes the webhook, and sends a test there and back.
fn hook(args: &GiteaArgs, host: &Host, id: &str, product: Product, screen: &Screen) -> Result<String, Failure> {
    let address = hook_address(args.hook_address.as_deref(), host, id);
    let (credential, page) = (product.credential(), product.page.to_string());
    let api = the_api(product);
    let told = |error: PortError| refused(&error, &credential);
    if hooks(&api, &address).map_err(told)?.is_none() {
        return Err(Failure::new(Exit::Refused, format!("{page}: only administrators of a repository make webhooks"))
            .fix("let the account administer the repository while this runs, or repeat it with --no-hook"));
    }
    let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let file = keep(host, &format!("gitea-{id}-hook-secret"), &secret)?;
    let mut written = vec![("forge_hook_secret_file", file.to_string())];
    written.extend(args.hook_address.clone().map(|address| ("forge_hook_address", address)));
    entries::set_keys(&host.paths, id, &written)?;
    let number = make_hook(&api, &address, &secret).map_err(told)?;
    screen.line(&format!("Webhook {number} sends to {address}."));
    let Some(caller) = Caller::running(&host.paths.state)? else {
        screen
            .line("No service runs: start it (orch up), and repeat this command to see a test of the webhook arrive.");
        return Ok(address);
    };
    // The service has to know of the secret before the test comes.
    caller.post("/api/v1/repositories/reread", &serde_json::json!({}))?;
    let before = arrived(&caller, id)?;
    test_hook(&api, number).map_err(told)?;
    let begun = Instant::now();
    while arrived(&caller, id)? == before {
        if begun.elapsed() > ARRIVES_WITHIN {
            return Err(Failure::new(Exit::Failed, format!("a test of the webhook did not arrive at {address}")).fix(
                "the webhook's page there tells why; a private address has to be allowed on the server: [webhook] \
                 ALLOWED_HOST_LIST = external,private (or loopback); another address: --hook-address URL",
            ));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    screen.line("A test of it arrived.");
    Ok(address)
}

/// Webhooks of a repository that were signed.
fn arrived(caller: &Caller, id: &str) -> Result<u64, Failure> {
    let all: Vec<ForgeHooksView> = caller.read("/api/v1/hooks")?;
    let of = all.into_iter().find(|counts| counts.repository == id);
    Ok(of.map_or(0, |counts| counts.stored + counts.repeated + counts.ignored))
}

/// Where the server reaches the service for a repository.
pub fn hook_address(given: Option<&str>, host: &Host, id: &str) -> String {
    let listens = || format!("http://{}:{}", host.service.listen, host.service.port);
    let entry = host.repositories.iter().find(|entry| entry.id == id);
    let known = given.map(str::to_owned).or_else(|| entry?.forge.hook_address.clone());
    let base = known.or_else(|| host.service.public_url.clone()).unwrap_or_else(listens);
    format!("{}/hooks/gitea/{id}", base.trim_end_matches('/'))
}

fn the_api(product: Product) -> GiteaApi {
    api(product, |_| Arc::default()).with_time_limit(PATIENCE)
}

fn refused(error: &PortError, credential: &str) -> Failure {
    Failure::new(Exit::Failed, error.words.clone()).fix(api_fix(error, credential))
}
