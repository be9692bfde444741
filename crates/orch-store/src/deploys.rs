//! Deployments: a row for each line, a row for each deployment.

use async_trait::async_trait;
use orch_ports::deploys::DeployLines;
use orch_ports::store::{StoreError, StoreResult};
use orch_rules::deploy::Deployment;
use orch_rules::deploy::line::DeployLine;
use orch_rules::ids::{DeployTarget, TaskId};

use crate::Database;
use crate::engine::Engine;
use crate::plan::body;
use crate::row::{int, json, readable};
use crate::step::{Broken, Step};

/// Somebody else was quicker.
const TAKEN: &str = "that version of the line";

/// Raises the version of a line, if it is still this one.
fn raise(target: &DeployTarget, version: i64) -> Step {
    let step = match version {
        0 => Step::run(
            "INSERT INTO deploy_lines (target, version) VALUES (?1, 1) ON CONFLICT (target) DO NOTHING",
            [target.as_str().into()],
        ),
        version => Step::run(
            "UPDATE deploy_lines SET version = version + 1 WHERE target = ?1 AND version = ?2",
            [target.as_str().into(), version.into()],
        ),
    };
    step.or(Broken::Missing(TAKEN.to_owned()))
}

/// Writes a line, and each of its deployments as a row of its own.
fn put(line: &DeployLine, version: i64) -> StoreResult<Vec<Step>> {
    let mut steps = vec![raise(&line.target, version)];
    steps.push(Step::run(
        "UPDATE deploy_lines SET body = ?2 WHERE target = ?1",
        [line.target.as_str().into(), body(line)?],
    ));
    for one in &line.deployments {
        steps.push(Step::run(
            "INSERT INTO deployments (id, target, repository, task, place, state, body, begun_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, now_ms())
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body",
            [
                one.id.as_str().into(),
                one.target.as_str().into(),
                one.repository.as_str().into(),
                one.task.as_ref().map(TaskId::as_str).into(),
                one.place.into(),
                one.state.name().into(),
                body(one)?,
            ],
        ));
    }
    Ok(steps)
}

#[async_trait]
impl<E: Engine> DeployLines for Database<E> {
    async fn deploy_line(&self, target: &DeployTarget) -> StoreResult<(DeployLine, i64)> {
        let what = "the line of a deploy target";
        let asked = "SELECT body, version FROM deploy_lines WHERE target = ?1 AND body IS NOT NULL";
        let answers = self.engine.read(vec![Step::rows(asked, [target.as_str().into()])]).await?;
        match answers.first().and_then(|answer| answer.rows.first()) {
            Some(row) => Ok((json(what, row, 0)?, int(what, row, 1)?)),
            None => Ok((DeployLine::of(target.clone()), 0)),
        }
    }

    async fn put_deploy_line(&self, line: &DeployLine, version: i64) -> StoreResult<bool> {
        match self.engine.write(put(line, version)?).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { what }) if what == TAKEN => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn deploy_lines(&self) -> StoreResult<Vec<DeployLine>> {
        let asked = "SELECT body FROM deploy_lines WHERE body IS NOT NULL ORDER BY target";
        let answers = self.engine.read(vec![Step::rows(asked, [])]).await?;
        Ok(answers.first().map(|it| readable(it, |row| json("a deploy line", row, 0))).unwrap_or_default())
    }

    async fn deployments_of(&self, task: &TaskId) -> StoreResult<Vec<Deployment>> {
        let asked = "SELECT body FROM deployments WHERE task = ?1 ORDER BY place, id";
        self.read_deployments(Step::rows(asked, [task.as_str().into()])).await
    }

    async fn deployments(&self, most: u32) -> StoreResult<Vec<Deployment>> {
        let asked = "SELECT body FROM deployments ORDER BY begun_at DESC, place DESC, id DESC LIMIT ?1";
        self.read_deployments(Step::rows(asked, [most.into()])).await
    }
}

impl<E: Engine> Database<E> {
    async fn read_deployments(&self, step: Step) -> StoreResult<Vec<Deployment>> {
        let answers = self.engine.read(vec![step]).await?;
        let missing = || StoreError::Failed { detail: "the engine answered another number of questions".into() };
        let answer = answers.first().ok_or_else(missing)?;
        Ok(readable(answer, |row| json("a deployment", row, 0)))
    }
}
