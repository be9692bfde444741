//! Hosts, their leases, and where each run is.

use async_trait::async_trait;
use orch_ports::hosts::{HostRow, Hosts, Incarnation, Joining, LostRun, RunKind, RunPlace, RunRow, RunToBe, TakenOver};
use orch_ports::store::{StoreError, StoreResult, Work};
use orch_rules::ids::{HostId, TaskId, Timestamp};
use orch_rules::lease::Renewal;

use crate::Database;
use crate::engine::Engine;
use crate::plan::listed;
use crate::row::{count, int, readable, text};
use crate::schema;
use crate::step::{Broken, Row, Step, Value};

/// The schema number from which on a release leaves the work of another host's living process alone.
const KNOWS_HOSTS: i64 = 6;
/// The end of a lease that needs no renewal.
const FOR_EVER: i64 = i64::MAX / 2;

/// Hosts other than `?1` whose lease ended `?2` milliseconds ago or earlier.
macro_rules! ended {
    () => {
        "(SELECT h.id FROM hosts h WHERE h.id <> ?1 AND h.lease_until + ?2 <= now_ms())"
    };
}

/// Whether more than one host has a lease in force, runs, or work of its own.
macro_rules! shared {
    () => {
        "1 < (SELECT COUNT(*) FROM hosts h WHERE h.lease_until > now_ms()
             OR EXISTS (SELECT 1 FROM runs r WHERE r.host = h.id AND r.state <> 'over')
             OR EXISTS (SELECT 1 FROM work w WHERE w.state IN ('queued', 'running')
                 AND (w.owner = h.id AND w.state = 'running' OR w.host = h.id)))"
    };
}

/// An earlier release takes whatever another process has claimed for a dead one's: it stays out while hosts share the store.
fn keep_out() -> Step {
    Step::run(
        concat!("UPDATE meta SET min_reader = ?1 WHERE one = 1 AND min_reader < ?1 AND ", shared!()),
        [KNOWS_HOSTS.into()],
    )
}

/// And may come back when they no longer do, if the schema lets it.
fn let_back() -> Step {
    Step::run(
        concat!("UPDATE meta SET min_reader = ?2 WHERE one = 1 AND min_reader = ?1 AND ?2 < ?1 AND NOT ", shared!()),
        [KNOWS_HOSTS.into(), schema::FOR_READERS.into()],
    )
}

fn host_row(row: &Row) -> StoreResult<HostRow> {
    let what = "a host";
    Ok(HostRow {
        id: text(what, row, 0)?.into(),
        incarnation: int(what, row, 1)?,
        name: text(what, row, 2)?.to_owned(),
        release: text(what, row, 3)?.to_owned(),
        max_runs: count(what, row, 4)?,
        lease_until: Timestamp(int(what, row, 5)?),
        alive: int(what, row, 6)? == 1,
        runs: count(what, row, 7)?,
    })
}

fn run_row(row: &Row) -> StoreResult<RunRow> {
    let what = "a run";
    Ok(RunRow {
        name: text(what, row, 0)?.to_owned(),
        host: text(what, row, 1)?.into(),
        host_name: text(what, row, 2)?.to_owned(),
        kind: text(what, row, 3)?.to_owned(),
        launched_at: Timestamp(int(what, row, 4)?),
        state: text(what, row, 5)?.to_owned(),
        lease_until: Timestamp(int(what, row, 6)?),
        now: Timestamp(int(what, row, 7)?),
    })
}

/// The end of a run, with what came of it.
pub(crate) fn end_run(name: &str, host: &HostId) -> Step {
    Step::run(
        "UPDATE runs SET state = 'over', ended_at = now_ms() WHERE name = ?1 AND host = ?2 AND state <> 'over'",
        [name.into(), host.as_str().into()],
    )
}

/// The claimed row, held to the end of the transaction.
fn still_ours(work: &Work) -> Step {
    Step::rows(
        "SELECT id FROM work WHERE id = ?1 AND fence = ?2 AND state = 'running' /*pg FOR NO KEY UPDATE */",
        [work.id.into(), work.fence.into()],
    )
    .or(Broken::Stale(work.id))
}

fn joined(joining: &Joining) -> Vec<Step> {
    let id = Value::from(joining.host.as_str());
    let mut steps = vec![Step::run(
        "INSERT INTO hosts (id, incarnation, name, release, kinds, max_runs, lease_until)
         VALUES (?1, 1, ?2, ?3, ?4, ?5, CASE WHEN CAST(?6 AS INTEGER) IS NULL THEN ?7 ELSE now_ms() + ?6 END)
         ON CONFLICT (id) DO UPDATE SET incarnation = hosts.incarnation + 1, name = excluded.name,
             release = excluded.release, kinds = excluded.kinds, max_runs = excluded.max_runs,
             lease_until = excluded.lease_until",
        [
            id.clone(),
            joining.name.as_str().into(),
            joining.release.as_str().into(),
            listed(joining.kinds.iter().copied()).into(),
            joining.max_runs.into(),
            joining.lease_ms.map_or(Value::Null, Value::Int),
            FOR_EVER.into(),
        ],
    )];
    if joining.lease_ms.is_none() {
        // `>= ''` is true of every row, and has the indexes of unfinished ones used.
        steps.extend([
            Step::run("DELETE FROM hosts WHERE id <> ?1", [id.clone()]),
            Step::run(
                "UPDATE runs SET host = ?1 WHERE state <> 'over' AND host >= '' AND host <> ?1
                     AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.name = runs.name AND r.host = ?1)",
                [id.clone()],
            ),
            Step::run(
                "UPDATE work SET host = ?1 WHERE state IN ('queued', 'running') AND ordering_key >= ''
                     AND host IS NOT NULL AND host <> ?1",
                [id.clone()],
            ),
        ]);
    }
    steps.extend([
        keep_out(),
        let_back(),
        // What nobody waits for any more, however that came.
        Step::run(
            "UPDATE runs SET state = 'over', ended_at = now_ms() WHERE host = ?1 AND state <> 'over' AND state = 'launched'
                 AND kind <> 'hook' AND NOT EXISTS (SELECT 1 FROM work w WHERE w.task = runs.task AND w.state <> 'done'
                     AND w.state IN ('queued', 'running') AND w.kind IN ('run_agent', 'run_check'))",
            [id.clone()],
        ),
        Step::rows("SELECT incarnation FROM hosts WHERE id = ?1", [id]),
    ]);
    steps
}

/// Of hosts whose lease has ended: everything but agents and hooks.
fn take_work(me: Value) -> Vec<Step> {
    let now = Value::Int(0);
    vec![
        Step::run(
            concat!(
                "UPDATE work SET host = CASE WHEN kind = 'run_check' THEN NULL ELSE host END,
                     state = CASE WHEN wake IS NOT NULL AND EXISTS (
                         SELECT 1 FROM work w WHERE w.wake = work.wake AND w.state = 'queued' AND w.wake IS NOT NULL)
                     THEN 'done' ELSE 'queued' END
                 WHERE state IN ('queued', 'running') AND state = 'running' AND (kind <> 'run_agent' OR host IS NULL)
                     AND owner IN ",
                ended!()
            ),
            [me.clone(), now.clone()],
        )
        .queues(),
        Step::run(
            concat!("UPDATE work SET host = NULL WHERE state = 'queued' AND kind = 'run_check' AND host IN ", ended!()),
            [me.clone(), now.clone()],
        )
        .queues(),
        Step::run(
            concat!(
                "UPDATE runs SET state = 'given_up' WHERE state = 'launched' AND kind = 'check' AND host IN ",
                ended!()
            ),
            [me.clone(), now.clone()],
        ),
        Step::run(
            concat!("UPDATE messages SET state = 'queued' WHERE state = 'sending' AND owner IN ", ended!()),
            [me.clone(), now.clone()],
        ),
        // What a call wrote that was under way is not known.
        Step::run(
            concat!(
                "UPDATE projections SET owner = NULL, wanted = wanted + 1, due = now_ms()
                 WHERE owner IS NOT NULL AND owner IN ",
                ended!()
            ),
            [me, now],
        ),
    ]
}

/// Of hosts whose lease ended so long ago: their agents.
fn take_agents(me: Value, since_ms: Value) -> Vec<Step> {
    vec![
        Step::run(
            concat!(
                "UPDATE work SET state = 'queued', host = NULL
                 WHERE state IN ('queued', 'running') AND kind IN ('run_agent', 'stop_run')
                     AND (state = 'queued' OR owner = host) AND host IN ",
                ended!()
            ),
            [me.clone(), since_ms.clone()],
        )
        .queues(),
        Step::run(
            concat!(
                "UPDATE runs SET state = 'given_up' WHERE state <> 'over' AND state = 'launched' AND kind = 'agent'
                     AND host IN ",
                ended!()
            ),
            [me, since_ms],
        ),
    ]
}

#[async_trait]
impl<E: Engine> Hosts for Database<E> {
    async fn join(&self, joining: &Joining) -> StoreResult<Incarnation> {
        let answers = self.engine.write(joined(joining)).await?;
        match answers.last().and_then(|answer| answer.rows.first()) {
            Some(row) => Ok(Incarnation { host: joining.host.clone(), number: int("a host", row, 0)? }),
            None => Err(StoreError::Missing { what: format!("host {}", joining.host) }),
        }
    }

    async fn renew(&self, me: &Incarnation, lease_ms: i64) -> StoreResult<Renewal> {
        let id = Value::from(me.host.as_str());
        let answers = self.engine.write(vec![
            Step::rows(
                "SELECT CASE WHEN lease_until > now_ms() THEN 1 ELSE 0 END FROM hosts
                 WHERE id = ?1 AND incarnation = ?2 /*pg FOR NO KEY UPDATE */",
                [id.clone(), me.number.into()],
            ),
            Step::run(
                "UPDATE hosts SET lease_until = now_ms() + ?3 WHERE id = ?1 AND incarnation = ?2",
                [id, me.number.into(), lease_ms.into()],
            ),
            keep_out(),
        ]);
        Ok(match answers.await?.first() {
            Some(answer) if answer.rows.is_empty() => Renewal::Superseded,
            Some(answer) if answer.says_yes() => Renewal::Prolonged,
            _ => Renewal::Regained,
        })
    }

    async fn leave(&self, me: &Incarnation) -> StoreResult<()> {
        let params = || [Value::from(me.host.as_str()), me.number.into()];
        self.engine
            .write(vec![
                Step::run("UPDATE hosts SET lease_until = now_ms() WHERE id = ?1 AND incarnation = ?2", params()),
                Step::run(
                    "DELETE FROM hosts WHERE id = ?1 AND incarnation = ?2
                         AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.host = ?1 AND r.state <> 'over')
                         AND NOT EXISTS (SELECT 1 FROM work w WHERE w.state IN ('queued', 'running')
                             AND (w.host = ?1 OR w.owner = ?1 AND w.state = 'running'))",
                    params(),
                ),
                let_back(),
            ])
            .await
            .map(drop)
    }

    async fn hosts(&self) -> StoreResult<Vec<HostRow>> {
        let step = Step::rows(
            "SELECT h.id, h.incarnation, h.name, h.release, h.max_runs, h.lease_until,
                 CASE WHEN h.lease_until > now_ms() THEN 1 ELSE 0 END,
                 (SELECT COUNT(*) FROM runs r WHERE r.host = h.id AND r.state <> 'over')
             FROM hosts h ORDER BY h.name, h.id",
            [],
        );
        Ok(readable(&self.list(step).await?, host_row))
    }

    async fn place_run(&self, me: &Incarnation, run: &RunToBe, work: &Work) -> StoreResult<RunPlace> {
        let (host, name) = (Value::from(me.host.as_str()), Value::from(run.name.as_str()));
        // A machine that stops ends its runs, and their directories say that they had begun.
        let answers = self.engine.write_unsynced(vec![
            still_ours(work),
            // An agent's run that was given up stays so, and a hook's; a check may be run again elsewhere.
            Step::run(
                "INSERT INTO runs (name, host, kind, task, launched_at, state)
                 SELECT ?1, ?2, CAST(?3 AS TEXT), ?4, now_ms(), 'launched' FROM hosts h
                 WHERE h.id = ?2 AND h.incarnation = ?5 AND h.lease_until > now_ms()
                     AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.name = ?1
                         AND (r.state = 'launched' OR r.kind <> 'check'))
                     AND (CAST(?3 AS TEXT) <> 'agent' OR h.max_runs > (SELECT COUNT(*) FROM runs r
                         WHERE r.host = ?2 AND r.kind = 'agent' AND r.state = 'launched' AND r.state <> 'over'))
                 ON CONFLICT (name, host) DO UPDATE SET state = 'launched', launched_at = excluded.launched_at,
                     ended_at = NULL",
                [name.clone(), host.clone(), run.kind.as_str().into(), run.task.as_str().into(), me.number.into()],
            ),
            Step::run(
                "UPDATE work SET host = (SELECT r.host FROM runs r WHERE r.name = ?2 AND r.state = 'launched')
                 WHERE id = ?1",
                [work.id.into(), name.clone()],
            ),
            Step::rows(
                "SELECT r.host, r.state, COALESCE(h.name, r.host) FROM runs r LEFT JOIN hosts h ON h.id = r.host
                 WHERE r.name = ?1 ORDER BY r.state DESC",
                [name],
            ),
        ]);
        let answers = answers.await?;
        let rows = answers.last().map_or(&[][..], |answer| &answer.rows);
        let what = "a run";
        let mut place = RunPlace::Full;
        for row in rows {
            let (host, state, name) = (text(what, row, 0)?, text(what, row, 1)?, text(what, row, 2)?.to_owned());
            match state {
                "launched" if host == me.host.as_str() => return Ok(RunPlace::Here),
                "launched" => return Ok(RunPlace::Elsewhere { host: name }),
                // Over: it was told of, and only a row that came back late asks.
                _ if run.kind != RunKind::Check => place = RunPlace::GivenUp { host: name },
                _ => {}
            }
        }
        Ok(place)
    }

    async fn hand_over(&self, me: &HostId, run: &str, work: &Work) -> StoreResult<bool> {
        let step = Step::run(
            "UPDATE work SET state = 'queued', host = (SELECT r.host FROM runs r
                 WHERE r.name = ?3 AND r.state = 'launched' AND r.host <> ?4)
             WHERE id = ?1 AND fence = ?2 AND state = 'running'
                 AND EXISTS (SELECT 1 FROM runs r WHERE r.name = ?3 AND r.state = 'launched' AND r.host <> ?4)",
            [work.id.into(), work.fence.into(), run.into(), me.as_str().into()],
        );
        Ok(self.engine.write(vec![step]).await?.iter().any(|answer| answer.touched > 0))
    }

    async fn take_over(&self, me: &Incarnation, presume_dead_after_ms: i64) -> StoreResult<TakenOver> {
        let id = Value::from(me.host.as_str());
        let params = || [id.clone(), Value::Int(0)];
        let some = Step::rows(
            concat!(
                "SELECT h.id FROM hosts h WHERE h.id IN ",
                ended!(),
                " AND (EXISTS (SELECT 1 FROM work w WHERE w.state IN ('queued', 'running')
                          AND (w.owner = h.id AND w.state = 'running' OR w.host = h.id))
                      OR EXISTS (SELECT 1 FROM messages m WHERE m.owner = h.id AND m.state IN ('queued', 'sending')
                          AND m.state = 'sending')
                      OR EXISTS (SELECT 1 FROM projections p WHERE p.owner = h.id))
                 LIMIT 1"
            ),
            params(),
        );
        if self.one(some).await?.is_none() {
            return Ok(TakenOver::default());
        }
        let mut steps = vec![
            Step::rows(
                "SELECT id FROM hosts WHERE id = ?1 AND incarnation = ?2 AND lease_until > now_ms()
                 /*pg FOR NO KEY UPDATE */",
                [id.clone(), me.number.into()],
            )
            .or(Broken::Missing("the lease of this host".to_owned())),
            // None of them may come back meanwhile.
            Step::rows(
                "SELECT id FROM hosts WHERE id <> ?1 AND lease_until + ?2 <= now_ms() ORDER BY id
                 /*pg FOR NO KEY UPDATE */",
                params(),
            ),
        ];
        steps.extend(take_work(id.clone()));
        let agents = steps.len() + 1;
        if presume_dead_after_ms > 0 {
            steps.extend(take_agents(id, presume_dead_after_ms.into()));
        }
        let queues: Vec<_> = steps.iter().map(|step| step.queues).collect();
        let answers = self.engine.write(steps).await?;
        Ok(TakenOver {
            work: queues.iter().zip(&answers).filter(|(queues, _)| **queues).map(|(_, answer)| answer.touched).sum(),
            agents: answers.get(agents).map_or(0, |answer| answer.touched),
        })
    }

    async fn lost_runs(&self, host: &HostId) -> StoreResult<Vec<LostRun>> {
        let step = Step::rows(
            "SELECT name, kind, task FROM runs WHERE host = ?1 AND state <> 'over' AND state = 'given_up' ORDER BY name",
            [host.as_str().into()],
        );
        let what = "a run";
        Ok(readable(&self.list(step).await?, |row| {
            Ok(LostRun {
                name: text(what, row, 0)?.to_owned(),
                kind: text(what, row, 1)?.to_owned(),
                task: text(what, row, 2)?.into(),
            })
        }))
    }

    async fn runs(&self, task: Option<&TaskId>) -> StoreResult<Vec<RunRow>> {
        let step = Step::rows(
            "SELECT r.name, r.host, COALESCE(h.name, r.host), r.kind, r.launched_at, r.state,
                 COALESCE(h.lease_until, 0), now_ms()
             FROM runs r LEFT JOIN hosts h ON h.id = r.host
             WHERE r.state <> 'over' AND (CAST(?1 AS TEXT) IS NULL OR r.task = ?1)
             ORDER BY r.launched_at, r.name LIMIT 200",
            [task.map(TaskId::as_str).into()],
        );
        Ok(readable(&self.list(step).await?, run_row))
    }
}
