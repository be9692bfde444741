//! The built-in lines, read from the files beside this one like any project's own.

use super::{Pipeline, parse};

/// Text of the built-in line of a project without deploy stages, fully commented: a start for `.orch/pipeline.toml`.
pub const DEFAULT_TEXT: &str = include_str!("default.toml");

/// Text of the built-in line of a project with staging and production.
pub const DEFAULT_WITH_DEPLOY_TEXT: &str = include_str!("default_with_deploy.toml");

/// The line of a project without deploy stages: analysis, architecture, development, review, testing, landing.
pub fn default_pipeline() -> Pipeline {
    parse(DEFAULT_TEXT, "default.toml").expect("the file is part of this crate and a test parses it")
}

/// The line of a project with staging and production: the landing is the edge from staging into production.
pub fn default_with_deploy() -> Pipeline {
    parse(DEFAULT_WITH_DEPLOY_TEXT, "default_with_deploy.toml")
        .expect("the file is part of this crate and a test parses it")
}
