//! The repository file, read and shown.

use super::*;

#[test]
fn example_reads_as_the_defaults() {
    let file = parse(&example(None, None, &[]), REPOSITORY_FILE).unwrap();
    assert_eq!(file, at_first());
    for command in ["cargo test", "sh -c 'a \"b\"' \\ && echo\n\"x\"", "тест"] {
        let file = parse(&example(Some(command), Some(command), &[]), REPOSITORY_FILE).unwrap();
        let (check_command, setup_command) = (Some(command.to_owned()), Some(command.to_owned()));
        assert_eq!(file, RepositoryFile { check_command, setup_command, ..at_first() });
    }
}

/// The defaults, with what a new file is given besides.
fn at_first() -> RepositoryFile {
    RepositoryFile { documents_keep: Some(DOCUMENTS_KEPT_AT_FIRST), ..RepositoryFile::default() }
}

/// Every default that the example shows is the default, and every key is shown.
#[test]
fn example_with_every_key_switched_on_reads_as_the_defaults() {
    let text: String = example(Some("true"), None, &[])
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let table: toml::Table = text.parse().unwrap();
    for key in KEYS {
        let (section, key) = key.split_once('.').unwrap();
        assert!(table[section].get(key).is_some(), "{section}.{key} is missing in the example");
    }
    let file = parse(&text, REPOSITORY_FILE).unwrap();
    let named = |command: &str| Some(command.to_owned());
    let (check_command, setup_command) = (named("true"), named("npm ci"));
    assert_eq!(file, RepositoryFile { check_command, setup_command, ..at_first() });
}

#[test]
fn empty_file_is_the_defaults() {
    assert_eq!(parse("", REPOSITORY_FILE), Ok(RepositoryFile::default()));
    assert_eq!(parse("\u{feff}# only a comment\r\n", REPOSITORY_FILE), Ok(RepositoryFile::default()));
}

#[test]
fn everything_can_be_set() {
    let text = r#"
        [repository]
        base_branch = "trunk"
        [setup]
        command = " npm ci "
        timeout_seconds = 90
        keep = false
        [cache]
        of = ["cargo", "npm"]
        [check]
        command = "make test"
        timeout_seconds = 60
        from_base = ["tests/golden/", "ci/*.sh"]
        repeat_red = false
        ci = "both"
        required = ["ci/*", " gate "]
        appear_minutes = 3
        [protect]
        paths = [".orch/**", ".ci/**"]
        ci = false
        tests = false
        [deliver]
        file_mb = 7
        [people]
        approve = ["ann", " Bob B. "]
        [intake]
        authors = ["ann"]
        [[variant]]
        name = "small"
        pipeline = "ci/small.toml"
        when = ["label:small", "title:nit:"]
        [line]
        serial = true
        pipeline = "ci/line.toml"
        [documents]
        keep = 0
        [commit]
        name = "Bot"
        email = "bot@example.org"
    "#;
    let wanted = RepositoryFile {
        base_branch: "trunk".to_owned(),
        setup_command: Some("npm ci".to_owned()),
        setup_keep: false,
        setup_timeout_seconds: 90,
        cache_of: vec!["cargo".to_owned(), "npm".to_owned()],
        check_command: Some("make test".to_owned()),
        check_timeout_seconds: 60,
        check_from_base: vec!["tests/golden".to_owned(), "ci/*.sh".to_owned()],
        check_repeat_red: false,
        check_ci: WhoseCi::Both,
        check_required: vec!["ci/*".to_owned(), "gate".to_owned()],
        check_appear_minutes: 3,
        protect_paths: vec![".orch/**".to_owned(), ".ci/**".to_owned()],
        protect_ci: false,
        protect_tests: false,
        deliver_file_mb: 7,
        people_approve: vec!["ann".to_owned(), "Bob B.".to_owned()],
        intake_authors: vec!["ann".to_owned()],
        serial: true,
        pipeline: "ci/line.toml".to_owned(),
        variants: vec![Variant {
            name: "small".to_owned(),
            pipeline: "ci/small.toml".to_owned(),
            when: vec![When::Label("small".to_owned()), When::Title("nit:".to_owned())],
        }],
        documents_keep: Some(0),
        commit_name: "Bot".to_owned(),
        commit_email: "bot@example.org".to_owned(),
    };
    assert_eq!(parse(text, REPOSITORY_FILE), Ok(wanted));
}

#[test]
fn all_problems_at_once_with_their_lines() {
    let text = r#"[repository]
base_brunch = "main"
pipelin = "x"
[check]
command = 7
timeout_seconds = 0
from_base = "tests"
[setup]
command = " "
timeout_seconds = 86401
[protect]
paths = ["../x", ".ci/**", 7]
[line]
serial = "yes"
pipeline = "/etc/passwd"
[commit]
name = ""
email = "a <b>"
[chekc]
x = 1
"#;
    let problems = parse(text, ".orch/orch.toml").unwrap_err();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("problems", shown.join("\n"));
}

#[test]
fn broken_toml_is_told_beside_the_other_problems() {
    let text = "[check]\ncommand = \ntimeout_seconds = \"x\"\n[line]\nserial = true\nserial = false\n";
    let problems = parse(text, "f").unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| (problem.rule.as_str(), problem.line)).collect();
    assert!(places.contains(&("toml_syntax", Some(2))), "{problems:?}");
    assert!(places.contains(&("wrong_type", Some(3))), "{problems:?}");
    assert!(places.contains(&("toml_syntax", Some(6))), "{problems:?}");
}

#[test]
fn branch_names_git_refuses_are_refused() {
    for bad in ["", " ", "a b", "a..b", "-x", "a/", "/a", "x.lock", "a~1", "a:b", "@{x", "a\\u0007b"] {
        let text = format!("[repository]\nbase_branch = \"{bad}\"\n");
        assert!(parse(&text, "f").is_err(), "{bad:?}");
    }
    for good in ["main", "release/1.x", "trunk-2"] {
        let text = format!("[repository]\nbase_branch = \"{good}\"\n");
        assert_eq!(parse(&text, "f").unwrap().base_branch, good);
    }
}

#[test]
fn schema_knows_every_key_and_no_other() {
    let schema = repository_schema();
    let mut found = Vec::new();
    // The list of variants has tests of its own.
    for (section, table) in schema["properties"].as_object().unwrap().iter().filter(|(name, _)| *name != "variant") {
        assert_eq!(table["additionalProperties"], false, "{section}");
        for key in table["properties"].as_object().unwrap().keys() {
            found.push(format!("{section}.{key}"));
        }
    }
    let mut known = KEYS.map(str::to_owned).to_vec();
    found.sort();
    known.sort();
    assert_eq!(found, known);
}

/// The parser knows the keys of the list and no others: a key it did not know would be reported as unknown.
#[test]
fn parser_knows_every_key_and_no_other() {
    for key in KEYS {
        let (section, key) = key.split_once('.').unwrap();
        let problems = parse(&format!("[{section}]\n{key} = 1979-05-27\n"), "f").unwrap_err();
        assert_eq!(problems.iter().map(|p| p.rule.as_str()).collect::<Vec<_>>(), ["wrong_type"], "{section}.{key}");
        let problems = parse(&format!("[{section}]\nno_such_key = 1\n"), "f").unwrap_err();
        assert!(problems[0].fix.contains(key), "{}", problems[0]);
    }
}

#[test]
fn what_judges_a_change_is_always_protected() {
    let file = RepositoryFile { protect_paths: vec!["deploy/**".to_owned()], ..RepositoryFile::default() };
    for path in
        ["deploy/x", ".orch/pipeline.toml", ".openclaw/agents/reviewer.md", "CLAUDE.md", "a/.claude/settings.json"]
    {
        assert!(crate::path_pattern::any_matches(&file.protected(), path), "{path}");
    }
}

#[test]
fn the_test_command_names_files() {
    for (command, named) in [
        ("sh ci/check.sh", vec!["sh", "ci/check.sh"]),
        ("./run_tests.py && cd web; npm test", vec!["run_tests.py", "cd", "web", "npm", "test"]),
        ("make -f build/Makefile -j4 test", vec!["make", "build/Makefile", "test"]),
        (
            "CONFIG='ci/x.toml' pytest --rootdir=tests /abs ../up $HOME/x *.py",
            vec!["CONFIG", "ci/x.toml", "pytest", "tests"],
        ),
    ] {
        let file = RepositoryFile { check_command: Some(command.to_owned()), ..RepositoryFile::default() };
        assert_eq!(file.named_by_check(), named, "{command}");
    }
    assert!(RepositoryFile::default().named_by_check().is_empty());
}

#[test]
fn what_a_forge_runs_by_itself_is_protected_until_the_file_says_otherwise() {
    let ci = [
        ".github/workflows/release.yml",
        ".gitea/workflows/deep/er.yaml",
        ".forgejo/actions/a/action.yml",
        ".gitlab-ci.yml",
        ".gitlab-ci/build.yml",
        ".woodpecker.yaml",
        ".woodpecker/a.yml",
        "azure-pipelines-nightly.yml",
        "ci/Jenkinsfile.release",
        "Jenkinsfile",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        ".githooks/pre-push",
        ".husky/pre-commit",
        ".pre-commit-config.yaml",
        ".ci/run",
    ];
    let others = ["src/workflows/a.yml", "github/workflows/a.yml", "docs/codeowners.md", "husky/a", "Makefile"];
    let on = RepositoryFile::default().protected();
    let off = RepositoryFile { protect_ci: false, ..RepositoryFile::default() }.protected();
    for path in ci {
        assert!(crate::path_pattern::any_matches(&on, path), "{path}");
        assert!(!crate::path_pattern::any_matches(&off, path), "{path}");
    }
    for path in others {
        assert!(!crate::path_pattern::any_matches(&on, path), "{path}");
    }
}
