//! People's reviews on the forge are input: they become events of the task whose branch, or whose candidate, was reviewed.

use std::collections::BTreeMap;

use orch_ports::change_requests::{ChangeRequestNumber, ForgeReview, ReviewVerdict};
use orch_ports::intake::Observed;
use orch_ports::store::Delivery;
use orch_rules::actor::Actor;
use orch_rules::connection::Connection;
use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::RepositoryId;
use orch_rules::observation::{Object, ObjectKind, ReviewsSeen};
use orch_rules::people::ReviewWord;
use orch_rules::task::Task;

use super::ForgeNews;
use crate::engine::Engine;
use crate::perform::{PerformError, blocking};

/// Tasks of one repository whose reviews are asked for in one sweep.
const MOST: u32 = 200;
/// Tasks of one repository that a review is held against.
const KNOWN: u32 = 10_000;

impl Engine {
    /// Reads a change request's reviews, and tells its task what is new; gives what is kept of them then, if anything is.
    pub(super) async fn look_at_change_request(
        &self,
        connection: &Connection,
        repository: &RepositoryId,
        number: ChangeRequestNumber,
        seen: &Observed,
    ) -> Result<Option<String>, PerformError> {
        let context = self.context(repository)?;
        let read = blocking(move || {
            let Some(product) = context.forge.change_requests() else { return Ok(None) };
            Ok(Some((product.look(number)?, product.reviews(number)?)))
        });
        let Some((request, reviews)) = read.await? else { return Ok(None) };
        let (before, after) = (before(seen), kept(&reviews));
        if after == before {
            return Ok(None);
        }
        let tasks = self.store.tasks_at_work(repository, KNOWN).await?;
        let found = tasks.into_iter().find(|task| task.branch == request.branch);
        if let Some(task) = found {
            let new = reviews.iter().filter(|review| !before.knows(&review.id));
            for review in newest_of_each(new) {
                self.tell_review(connection, &task, number, review).await?;
            }
        }
        let body = serde_json::to_string(&after).map_err(|error| PerformError::Lasting(error.to_string()))?;
        Ok(Some(body))
    }

    async fn tell_review(
        &self,
        connection: &Connection,
        task: &Task,
        number: ChangeRequestNumber,
        review: &ForgeReview,
    ) -> Result<(), PerformError> {
        let word = match review.verdict {
            ReviewVerdict::Approved => ReviewWord::Approved,
            ReviewVerdict::ChangesRequested => ReviewWord::ChangesRequested { findings: findings(review) },
            ReviewVerdict::Comment => return Ok(()),
        };
        let event = TaskEvent::ForgeReviewed { commit: review.commit.clone(), word, people: Vec::new() };
        let delivery = Delivery {
            source: connection.id.clone(),
            key: format!("review:{number}:{}", review.id),
            by: Actor::at(&connection.id, &review.by).known_as(review.name.clone()),
            event: Event::Task { task: task.id.clone(), event },
        };
        self.store.accept(delivery).await?;
        self.nudge();
        Ok(())
    }

    /// Looks at the change requests of tasks at work.
    pub(super) async fn look_for_reviews(
        &self,
        news: &ForgeNews,
        repository: &RepositoryId,
    ) -> Result<(), PerformError> {
        let mut tasks = self.store.tasks_at_work(repository, MOST).await?;
        tasks.retain(|task| task.head.is_some() && task.head != task.base);
        let context = self.context(repository)?;
        if tasks.is_empty() || context.forge.change_requests().is_none() {
            return Ok(());
        }
        let Some(connection) = self.forge_connection(news, repository).await? else { return Ok(()) };
        for task in tasks {
            let (context, branch) = (context.clone(), task.branch.clone());
            let read = blocking(move || {
                let Some(product) = context.forge.change_requests() else { return Ok(None) };
                let Some(request) = product.find(&branch)? else { return Ok(None) };
                Ok(Some((request.number, product.reviews(request.number)?)))
            });
            let Some((number, reviews)) = read.await? else { continue };
            let object = Object::new(ObjectKind::ChangeRequest, number.to_string());
            let seen = news.intake().observed(&connection.id, &object).await?;
            if kept(&reviews) != before(&seen) {
                news.intake().hint(&connection.id, &object, self.store.now().await?).await?;
                news.told();
            }
        }
        Ok(())
    }
}

fn before(seen: &Observed) -> ReviewsSeen {
    serde_json::from_str(&seen.body).unwrap_or_default()
}

fn kept(reviews: &[ForgeReview]) -> ReviewsSeen {
    ReviewsSeen::of(reviews.iter().map(|review| (review.id.as_str(), review.dismissed)))
}

/// Of the reviews that one person has given since, the newest that says yes or no.
fn newest_of_each<'r>(reviews: impl Iterator<Item = &'r ForgeReview>) -> Vec<&'r ForgeReview> {
    let mut newest: BTreeMap<&str, &ForgeReview> = BTreeMap::new();
    for review in reviews.filter(|review| !review.dismissed && review.verdict != ReviewVerdict::Comment) {
        newest.insert(&review.by, review);
    }
    let mut all: Vec<_> = newest.into_values().collect();
    all.sort_by_key(|review| review.at);
    all
}

/// What has to change; somebody who gave no reason is asked for one.
fn findings(review: &ForgeReview) -> String {
    let text = review.text.trim();
    if text.is_empty() {
        format!("{} wants changes and gave no reason; ask them", review.name)
    } else {
        text.to_owned()
    }
}
