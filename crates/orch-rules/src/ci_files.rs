//! What a forge or git runs by itself as soon as it stands in a repository, and who has to look at a change there.
//!
//! Such a file acts outside of the line: with the secrets of the forge, or on the machines of people who pull.

/// Patterns ([`crate::path_pattern`]) of them, by whose they are.
pub const PATTERNS: &[&str] = &[
    // GitHub, Gitea, Forgejo: workflows, the actions they use, and bots that open changes.
    ".github/workflows/**",
    ".github/actions/**",
    ".github/dependabot.yml",
    ".github/dependabot.yaml",
    ".gitea/workflows/**",
    ".gitea/actions/**",
    ".forgejo/workflows/**",
    ".forgejo/actions/**",
    "renovate.json*",
    ".github/renovate.json*",
    // GitLab, Bitbucket, Azure.
    ".gitlab-ci.y*",
    ".gitlab-ci/**",
    ".gitlab/ci/**",
    "bitbucket-pipelines.y*",
    "azure-pipelines*.y*",
    ".azure-pipelines/**",
    // Services and servers beside a forge.
    ".ci/**",
    ".circleci/**",
    ".travis.y*",
    ".cirrus.y*",
    ".drone.y*",
    ".woodpecker.y*",
    ".woodpecker/**",
    ".buildkite/**",
    ".semaphore/**",
    ".teamcity/**",
    ".builds/**",
    ".build.yml",
    ".tekton/**",
    "**/Jenkinsfile*",
    "appveyor.y*",
    ".appveyor.y*",
    "cloudbuild.y*",
    "buildspec.y*",
    "codemagic.yaml",
    // Who has to look.
    "**/CODEOWNERS",
    // Hooks of git and what installs them.
    ".githooks/**",
    ".husky/**",
    ".pre-commit-config.y*",
    "lefthook.y*",
    ".lefthook.y*",
    ".lefthook/**",
    ".overcommit.y*",
];
