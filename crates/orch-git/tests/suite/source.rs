//! Looking at the user's own repository, and at git itself.

use std::fs;

use orch_git::*;

use crate::fixture::*;

fn inspect(path: &std::path::Path) -> Result<Source> {
    Source::inspect(&git(), &UserEnvironment::default(), path, &branch("main"))
}

#[test]
fn an_ordinary_repository_is_described() {
    let root = tempfile::tempdir().unwrap();
    let top = root.path().canonicalize().unwrap().join("my repö");
    user_repository(&top);
    let found = inspect(&top.join("src")).unwrap();
    assert_eq!(found.root, top);
    assert_eq!(found.base_tip, head(&top));
    assert_eq!(found.current_branch.as_deref(), Some("main"));
    assert_eq!(found.identity, Some(Identity::new("Uma", "uma@example.org").unwrap()));
    assert!(!found.bare && !found.shallow && !found.submodules && !found.lfs && !found.dirty && !found.untracked);

    put(&top, "new.txt", "x");
    let found = inspect(&top).unwrap();
    assert!(found.untracked && !found.dirty);
    put(&top, "README.md", "changed");
    assert!(inspect(&top).unwrap().dirty);

    run(&top, ["checkout", "--quiet", "--detach"]);
    assert_eq!(inspect(&top).unwrap().current_branch, None);
}

#[test]
fn submodules_and_lfs_are_seen_at_the_base_branch() {
    let root = tempfile::tempdir().unwrap();
    user_repository(root.path());
    put(root.path(), "assets/deep/.gitattributes", "# filter=lfs is not this\n");
    commit(root.path(), "no lfs yet");
    assert!(!inspect(root.path()).unwrap().lfs);
    put(root.path(), "assets/deep/.gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    commit(root.path(), "lfs");
    let found = inspect(root.path()).unwrap();
    assert!(found.lfs && !found.submodules);
    put(root.path(), ".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ../x\n");
    commit(root.path(), "submodule");
    let found = inspect(root.path()).unwrap();
    assert!(found.lfs && found.submodules);
}

#[test]
fn bare_and_shallow_repositories_are_described() {
    let root = tempfile::tempdir().unwrap();
    let (user, bare, shallow) = (root.path().join("u"), root.path().join("b.git"), root.path().join("s"));
    user_repository(&user);
    checked(plain(root.path()).args(["clone", "--quiet", "--bare"]).arg(&user).arg(&bare).output().unwrap());
    let url = format!("file://{}", user.display());
    checked(plain(root.path()).args(["clone", "--quiet", "--depth=1", &url]).arg(&shallow).output().unwrap());
    let found = inspect(&bare).unwrap();
    assert!(found.bare && !found.shallow);
    assert_eq!(found.root, bare.canonicalize().unwrap());
    assert_eq!(found.identity, None);
    assert!(inspect(&shallow).unwrap().shallow);
    let origin = Origin { source: shallow.clone(), base: branch("main") };
    let refused =
        Forge::create_from(&git(), origin, &root.path().join("f.git"), std::time::SystemTime::now()).unwrap_err();
    assert!(matches!(refused, Error::Shallow(path) if path == shallow));
    assert!(!root.path().join("f.git").exists());
}

#[test]
fn what_cannot_be_built_on_is_said_by_type() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(inspect(root.path()), Err(Error::NotARepository(_))));
    assert!(matches!(inspect(&root.path().join("missing")), Err(Error::NotARepository(_))));
    run(root.path(), ["init", "--quiet", "--initial-branch=main"]);
    assert!(matches!(inspect(root.path()), Err(Error::NoCommit(_))));
    fs::remove_dir_all(root.path().join(".git")).unwrap();
    user_repository(root.path());
    run(root.path(), ["branch", "--move", "trunk"]);
    match inspect(root.path()) {
        Err(error @ Error::NoBranch { .. }) => {
            let words = error.to_string();
            assert!(words.contains("`main`") && words.contains("trunk"), "{words}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_users_own_settings_count_here_only() {
    let root = tempfile::tempdir().unwrap();
    let (home, user) = (root.path().join("home"), root.path().join("u"));
    user_repository(&user);
    run(&user, ["config", "--unset", "user.name"]);
    put(&home, ".gitconfig", "[user]\n\tname = From Home\n[core]\n\texcludesFile = ~/ignore\n");
    put(&home, "ignore", "*.swp\n");
    put(&user, "x.swp", "");
    assert_eq!(inspect(&user).unwrap().identity, None);
    let environment = UserEnvironment { home: Some(home.into()), xdg_config_home: None };
    let found = Source::inspect(&git(), &environment, &user, &branch("main")).unwrap();
    assert_eq!(found.identity.unwrap().name(), "From Home");
}

#[test]
fn an_old_or_missing_git_is_refused() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(Git::detect(root.path()), Err(Error::GitMissing)));
    assert!(matches!(Git::detect(""), Err(Error::GitMissing)));
    put(root.path(), "git", "not executable");
    assert!(matches!(Git::detect(root.path()), Err(Error::GitMissing)));
    program(&root.path().join("git"), "#!/bin/sh\necho git version 2.38.5\n");
    let refused = Git::detect(root.path()).unwrap_err();
    assert!(matches!(refused, Error::GitTooOld { .. }));
    assert!(refused.to_string().contains("2.38.5") && refused.to_string().contains("2.39"), "{refused}");
    assert!(git().version() >= MINIMUM_VERSION);
}

#[test]
fn a_git_that_hangs_is_stopped_with_its_children() {
    let root = tempfile::tempdir().unwrap();
    let mark = root.path().join("child");
    // A child that keeps the pipes open: waiting for the shell alone would not end.
    program(
        &root.path().join("git"),
        &format!(
            "#!/bin/sh\n[ \"$1\" = version ] && echo git version 2.39.5 && exit\nsleep 600 & echo $! >'{}'\nwait\n",
            mark.display()
        ),
    );
    let search = std::env::join_paths(
        [root.path().as_os_str(), std::ffi::OsStr::new("/usr/bin:/bin")].iter().flat_map(std::env::split_paths),
    )
    .unwrap();
    let git = Git::detect(search).unwrap().with_time_limit(std::time::Duration::from_secs(5));
    let error = Source::inspect(&git, &UserEnvironment::default(), root.path(), &branch("main")).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(error.is_retryable());
    let child = fs::read_to_string(mark).unwrap();
    let child = child.trim().parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
    // The kill is on its way; the end of the process is the event to wait for.
    if let Ok(alive) = rustix::process::pidfd_open(child, rustix::process::PidfdFlags::empty()) {
        let mut ended = [rustix::event::PollFd::new(&alive, rustix::event::PollFlags::IN)];
        let most = rustix::event::Timespec { tv_sec: 120, tv_nsec: 0 };
        assert_eq!(rustix::event::poll(&mut ended, Some(&most)), Ok(1), "it lives on");
    }
}

#[test]
fn the_branch_to_keep_green_is_the_one_of_origin_or_main_or_where_one_is() {
    let root = tempfile::tempdir().unwrap();
    let user = root.path().join("u");
    user_repository(&user);
    let usual =
        |folder: &std::path::Path| usual_base(&git(), folder).unwrap().map(|(name, from)| (name.to_string(), from));
    run(&user, ["branch", "aaa"]);
    run(&user, ["switch", "--quiet", "--create", "topic"]);
    assert_eq!(usual(&user), Some(("main".to_owned(), BaseFrom::Main)), "not the one that happens to be checked out");
    run(&user, ["branch", "--move", "main", "develop"]);
    assert_eq!(usual(&user), Some(("topic".to_owned(), BaseFrom::Current)));
    assert_eq!(usual(&user.join("src")), Some(("topic".to_owned(), BaseFrom::Current)));
    // A clone knows what its origin's default branch is, whatever is checked out and whatever else is there.
    run(&user, ["switch", "--quiet", "develop"]);
    let clone = root.path().join("c");
    checked(plain(root.path()).args(["clone", "--quiet"]).arg(&user).arg(&clone).output().unwrap());
    run(&clone, ["switch", "--quiet", "--create", "main"]);
    assert_eq!(usual(&clone), Some(("develop".to_owned(), BaseFrom::Origin)));
    run(&clone, ["branch", "--quiet", "--delete", "--force", "develop"]);
    assert_eq!(usual(&clone), Some(("main".to_owned(), BaseFrom::Main)), "a branch that is not here is none");
    run(&clone, ["switch", "--quiet", "--detach"]);
    run(&clone, ["branch", "--quiet", "--move", "main", "other"]);
    assert_eq!(usual(&clone), None);
}
