//! Settings that belong together: of a notifier, and of a repository on a server.

use orch_rules::pipeline::Role;

use super::file;
use super::tests::{paths, read};

#[test]
fn a_notifier_has_the_keys_of_its_kind() {
    let told = |text: &str| read(text).map(|host| host.notify).unwrap_err();
    let hook = "[[notify]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://x.example/s3cret\"\n";
    assert_eq!(read(hook).unwrap().notify[0].url.as_deref(), Some("https://x.example/s3cret"));
    assert!(told(&format!("{hook}{hook}")).contains("second time"));
    assert!(told("[[notify]]\nname = \"a\"\nkind = \"webhook\"\n").contains("`notify[0].url` is missing"));
    assert!(told("[[notify]]\nname = \"a\"\nkind = \"command\"\n").contains("`notify[0].command` is missing"));
    assert!(told(&format!("{hook}command = \"x\"\n")).contains("is for `kind = \"command\"`"));
    assert!(told(&format!("{hook}events = [\"mood\"]\n")).contains("some of: asked, held"));
    let wrong = told("[[notify]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"x.example/s3cret\"\n");
    assert!(wrong.contains("url") && !wrong.contains("s3cret"), "{wrong}");
    assert!(told("notify = 3\n").contains("[[notify]]"));
}

#[test]
fn an_agent_of_a_kind_has_the_keys_of_its_kind() {
    let (host, problems) = file::read(
        "host.toml",
        "[agents.developer]\nkind = \"claude_code\"\nprogram = \"/opt/claude\"\nmodel = \"m-1\"\ncredential = \"gateway\"\n\
         permission_mode = \"accept_edits\"\n[agents.reviewer]\nkind = \"codex\"\n",
        paths(),
    );
    assert!(problems.is_empty(), "{problems:?}");
    let developer = &host.agents[&Role::Developer];
    assert_eq!((developer.kind, developer.only_edits), (crate::settings::AgentKind::ClaudeCode, true));
    let words = [&developer.program, &developer.model, &developer.credential].map(|word| word.as_deref().unwrap());
    assert_eq!(words, ["/opt/claude", "m-1", "gateway"]);
    assert_eq!(host.agents[&Role::Reviewer].kind, crate::settings::AgentKind::Codex);

    let text = "[agents.developer]\nkind = \"codex\"\ncommand = \"x\"\nmodel = \"--all\"\n[agents.tester]\nkind = \"cursor\"\n\
                [agents.reviewer]\nmodel = \"m\"\n";
    let (_, problems) = file::read("host.toml", text, paths());
    let told: Vec<String> = problems.iter().map(|point| format!("{} {}", point.place, point.what)).collect();
    assert_eq!(told.len(), 5, "{told:#?}");
    assert_eq!(told[0], "host.toml:3 `agents.developer.command` means nothing to an agent of kind \"codex\"");
    assert!(told[1].starts_with("host.toml:4 `agents.developer.model` must be one word"), "{}", told[1]);
    assert!(told[2].starts_with("host.toml:6 `agents.tester.kind` must be"), "{}", told[2]);
    assert_eq!(told[3], "host.toml:7 `agents.reviewer.command` is missing");
    assert_eq!(told[4], "host.toml:8 `agents.reviewer.model` means nothing to an agent of kind \"command\"");
}

#[test]
fn a_remote_and_its_credential_belong_together() {
    let file = |remote: &str, credential: &str| {
        format!("[[repository]]\nid = \"shop\"\npath = \"/shop\"\nprefix = \"SHOP\"\n{remote}\n{credential}\n")
    };
    let token = "[credentials.forge]\ntoken_file = \"/t\"";
    let key = "[credentials.forge]\nssh_key_file = \"/k\"\nknown_hosts_file = \"/h\"";
    let by_https = "remote = \"https://git.example.org/shop.git\"\ncredential = \"forge\"";
    let by_ssh = "remote = \"git@git.example.org:shop.git\"\ncredential = \"forge\"";
    // The credential may stand behind who names it.
    for (remote, credential) in [(by_https, token), (by_ssh, key)] {
        let host = read(&file(remote, credential)).unwrap();
        let server = host.server(host.repository("shop").unwrap()).unwrap();
        assert_eq!(server.channel(), "forge@git.example.org");
    }
    for (remote, credential, told) in [
        (by_https, key, "which is a key, and the remote needs a token"),
        (by_ssh, token, "which is a token, and the remote needs a key"),
        (by_https, "", "there is no [credentials.forge]"),
        ("remote = \"ssh://git@h/a\"", "", "ssh lets nobody in without a key"),
        ("credential = \"forge\"", token, "is for a `remote`"),
        ("remote = \"https://s3cret@h/a\"", "", "has a user or a token before the `@`"),
        ("remote = \"/srv/s3cret\"", "", "an address in quotes as https://"),
        ("", "[credentials.forge]", "`credentials.forge.token_file` is missing"),
        ("", "[credentials.forge]\nssh_key_file = \"/k\"", "`credentials.forge.known_hosts_file` is missing"),
        ("", "[credentials.forge]\ntoken_file = \"/t\"\nssh_key_file = \"/k\"", "stands beside token_file"),
        ("", "[credentials.Forge]\ntoken_file = \"/t\"", "the name of a credential must be"),
    ] {
        let words = read(&file(remote, credential)).unwrap_err();
        assert!(words.contains(told) && !words.contains("s3cret"), "{remote} {credential}: {words}");
    }
}
