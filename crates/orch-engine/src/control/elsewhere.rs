//! Runs that are on another host, for people.

use orch_ports::hosts::{HostRow, RunRow};
use orch_ports::store::{StoreError, WorkRow};
use orch_rules::ids::{HostId, TaskId};

use super::{Control, ControlError};

impl Control {
    /// All hosts that share the store, and which of them is this one.
    ///
    /// # Errors
    /// The store's.
    pub async fn hosts(&self) -> Result<(HostId, Vec<HostRow>), ControlError> {
        Ok((self.engine.hosting.id.clone(), self.engine.hosting.hosts.hosts().await?))
    }

    /// Where a run of a task is, if that is another host.
    pub(super) async fn elsewhere(&self, task: &TaskId, run: &str) -> Result<Option<String>, StoreError> {
        let runs = self.engine.hosting.hosts.runs(Some(task)).await?;
        Ok(runs.iter().find(|row| row.name == run && self.is_elsewhere(row)).map(|row| self.where_it_is(row)))
    }

    /// Says of each row that waits for a run on another host where that is, and what to do.
    pub(super) async fn tell_elsewhere(&self, task: &TaskId, work: &mut [WorkRow]) -> Result<(), StoreError> {
        let runs = self.engine.hosting.hosts.runs(Some(task)).await?;
        for run in runs.iter().filter(|run| self.is_elsewhere(run)) {
            let waits = |row: &&mut WorkRow| row.kind == format!("run_{}", run.kind) || row.kind == "stop_run";
            for row in work.iter_mut().filter(waits) {
                row.error = Some(self.where_it_is(run));
            }
        }
        Ok(())
    }

    fn is_elsewhere(&self, run: &RunRow) -> bool {
        run.state == "launched" && run.host != self.engine.hosting.id
    }

    fn where_it_is(&self, run: &RunRow) -> String {
        sentence(run, self.engine.served().policy.presume_dead_after_ms)
    }
}

fn sentence(run: &RunRow, presume_dead_after_ms: i64) -> String {
    let host = &run.host_name;
    if run.lease_until > run.now {
        return format!("its run is on host {host}");
    }
    let ago = minutes(run.now.since_ms(run.lease_until));
    let left = presume_dead_after_ms - run.now.since_ms(run.lease_until);
    let otherwise = match presume_dead_after_ms {
        0 => "nothing is started beside it".to_owned(),
        _ => format!("it is taken for dead in {} and started anew", minutes(left.max(0))),
    };
    format!(
        "its run is on host {host}, which has not been heard of for {ago}: start orch up there, with the state folder it had, \
         to go on with it; else {otherwise}"
    )
}

/// Rounded up.
fn minutes(ms: i64) -> String {
    match ms / 60_000 + i64::from(ms % 60_000 > 0) {
        0 => "a moment".to_owned(),
        1 => "1 minute".to_owned(),
        many => format!("{many} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use orch_rules::ids::Timestamp;

    use super::*;

    #[test]
    fn where_a_run_is_and_what_to_do() {
        let run = |lease_until| RunRow {
            name: "t-1".into(),
            host: "h".into(),
            host_name: "mill".into(),
            kind: "agent".into(),
            launched_at: Timestamp(0),
            state: "launched".into(),
            lease_until: Timestamp(lease_until),
            now: Timestamp(1_000_000),
        };
        assert_eq!(sentence(&run(1_000_001), 900_000), "its run is on host mill");
        let lost = sentence(&run(880_000), 900_000);
        for words in ["host mill", "for 2 minutes", "start orch up there", "in 13 minutes and started anew"] {
            assert!(lost.contains(words), "{lost}");
        }
        assert!(sentence(&run(0), 900_000).contains("in a moment"), "{}", sentence(&run(0), 900_000));
        assert!(sentence(&run(0), 0).ends_with("else nothing is started beside it"));
    }
}
