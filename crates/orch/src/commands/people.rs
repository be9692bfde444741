//! `orch people`.

use clap::{Args, Subcommand};
use orch_web::view::{AnswerView, PeopleList, PeopleRequest};

use super::text::{clean, fit, pad, width};
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::{Screen, printable};

/// Say who is who: people, and the accounts that are theirs.
///
/// Lists in settings, `[people] approve` and `[intake] authors`, name people. An account is a person's because an admin
/// says so, or by a code that the person asked for; never by what it is called.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch people list\n  orch people add ann --display \"Ann Arbor\" --role admin\n  \
                  orch people link ann local:1000\n  orch people code            # for yourself\n  \
                  orch people link --code 4F1A-09BC-77D2\n  orch people unlink local:1000\n  \
                  orch people role ann viewer\n  orch people forget ann")]
pub struct PeopleArgs {
    #[command(subcommand)]
    command: PeopleAsked,
}

#[derive(Debug, Subcommand)]
enum PeopleAsked {
    /// Everybody who is known, with their accounts
    List,
    /// Somebody is known from now on
    Add {
        /// What lists in settings name
        person: String,
        /// What people read
        #[arg(long, value_name = "NAME")]
        display: Option<String>,
        /// Which language they read
        #[arg(long, value_parser = ["en", "ru"])]
        language: Option<String>,
        /// What they may do
        #[arg(long, value_parser = ["admin", "member", "viewer"])]
        role: Option<String>,
    },
    /// An account is this person's; with a code, the account that asks
    Link {
        /// Whose
        #[arg(required_unless_present = "code")]
        person: Option<String>,
        /// Which: local:1000, token:host.ann, plane-1:7, as `orch show --json` tells it
        #[arg(required_unless_present = "code")]
        account: Option<String>,
        /// A code of `orch people code`
        #[arg(long, value_name = "CODE", conflicts_with_all = ["person", "account"])]
        code: Option<String>,
    },
    /// An account is nobody's
    Unlink {
        /// Which
        account: String,
    },
    /// What a person may do: admin, member, viewer
    Role {
        /// Who
        person: String,
        /// What
        #[arg(value_parser = ["admin", "member", "viewer"])]
        role: String,
    },
    /// Name and accounts of a person go; what they did stays, with the account's id
    Forget {
        /// Who
        person: String,
    },
    /// A code that links one account, for ten minutes
    Code {
        /// Whose it becomes; yours, if left out
        person: Option<String>,
    },
}

/// Runs it.
///
/// # Errors
/// If the service does not answer or refuses.
pub fn run(args: &PeopleArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let role = |name: &str| orch_rules::rights::PersonRole::parse(name);
    let request = match &args.command {
        PeopleAsked::List => return list(caller, screen),
        PeopleAsked::Add { person, display, language, role: named } => PeopleRequest::Add {
            person: person.clone(),
            display: display.clone(),
            language: language.clone(),
            role: named.as_deref().and_then(role),
        },
        PeopleAsked::Link { code: Some(code), .. } => PeopleRequest::UseCode { code: code.clone() },
        PeopleAsked::Link { person, account, .. } => PeopleRequest::Link {
            person: person.clone().unwrap_or_default(),
            account: account.clone().unwrap_or_default(),
        },
        PeopleAsked::Unlink { account } => PeopleRequest::Unlink { account: account.clone() },
        PeopleAsked::Role { person, role: named } => PeopleRequest::Role {
            person: person.clone(),
            role: role(named).unwrap_or(orch_rules::rights::PersonRole::Viewer),
        },
        PeopleAsked::Forget { person } => PeopleRequest::Forget { person: person.clone() },
        PeopleAsked::Code { person } => PeopleRequest::Code { person: person.clone() },
    };
    let answer: AnswerView = caller.send("/api/v1/people/commands", &request)?;
    screen.json(&answer);
    screen.line(&printable(&answer.text));
    Ok(())
}

fn list(caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let list: PeopleList = caller.read("/api/v1/people")?;
    screen.json(&list);
    if list.people.is_empty() {
        screen.line(
            "Nobody is known yet; whoever has the machine may do everything. orch people add NAME adds somebody.",
        );
    }
    let wide = |of: &dyn Fn(&orch_web::view::PersonView) -> String| {
        list.people.iter().map(|person| width(&of(person))).max().unwrap_or(0).min(24)
    };
    let (ids, names) = (wide(&|person| clean(&person.person)), wide(&|person| clean(&person.display)));
    for person in &list.people {
        let accounts = match person.accounts.is_empty() {
            true => "no account".to_owned(),
            false => person.accounts.iter().map(|account| clean(account)).collect::<Vec<_>>().join(", "),
        };
        let line = format!(
            "{}  {}  {}  {}  {accounts}",
            pad(&fit(&clean(&person.person), ids), ids),
            pad(&fit(&clean(&person.display), names), names),
            pad(&clean(&person.role), 6),
            clean(&person.language),
        );
        screen.line(&fit(&line, screen.width()));
    }
    Ok(())
}
