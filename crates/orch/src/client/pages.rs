//! Lists that come in pages.

use orch_web::view::TaskList;

use super::Caller;
use crate::exit::Failure;

/// Tasks in one answer.
const PAGE: usize = 200;

impl Caller {
    /// The tasks of a list, newest first, at most so many; `next` is there if there are more. `query`: what
    /// `/api/v1/tasks` is asked for.
    ///
    /// # Errors
    /// If the service does not answer, or refuses.
    pub fn tasks(&self, query: &str, most: usize) -> Result<TaskList, Failure> {
        let mut list: Option<TaskList> = None;
        loop {
            let (have, next) = list.as_ref().map_or((0, None), |list| (list.tasks.len(), list.next.clone()));
            let after = match (&list, next) {
                (None, _) => String::new(),
                (Some(_), Some(next)) if have < most => format!("&after={next}"),
                (Some(_), _) => break,
            };
            let limit = most.saturating_sub(have).clamp(1, PAGE);
            let page: TaskList = self.read(&format!("/api/v1/tasks?{query}&limit={limit}{after}"))?;
            match &mut list {
                None => list = Some(page),
                Some(list) => join(list, page),
            }
        }
        Ok(list.unwrap_or_default())
    }
}

fn join(list: &mut TaskList, page: TaskList) {
    list.tasks.extend(page.tasks);
    list.next = page.next;
    for stage in page.stages {
        if !list.stages.contains(&stage) {
            list.stages.push(stage);
        }
    }
}
