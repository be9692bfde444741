//! The answers of the API as types: served by the handlers, read back by the command line.
//!
//! Times are RFC 3339 in UTC. A figure that is not known is absent or `null`, never zero.

mod access;
mod answer;
mod answer_request;
mod changes;
mod costs;
mod deliveries;
mod deploys;
mod forge_hooks;
mod host;
mod judgement;
mod lane;
mod outage;
mod outbox;
mod people;
mod queue;
mod request;
mod run;
mod task;
mod tracker;
mod usage;
mod wait;
mod work_seen;

pub use access::{LinkRequest, LinkView};
pub use answer::{AnswerView, HealthView, LogView};
pub use answer_request::{AnswerRequest, EverythingRequest, ReplyRequest};
pub use changes::{ChangeView, ChangesView};
pub use costs::{CostView, CostsView, ForecastView, TaskCostView, day_of};
pub use deliveries::{DeliveryList, DeliveryView};
pub use deploys::{
    BelievedView, DeployCommandRequest, DeployQueue, DeployQueueLine, DeployReport, DeployTargetView, DeploymentView,
};
pub use forge_hooks::ForgeHooksView;
pub use host::HostView;
pub use judgement::{FindingView, VerdictView};
pub use lane::{FreezeView, LaneView, PlaceView, RepositoryList, RepositoryView, TroubleView};
pub use orch_text::rfc3339;
pub use outage::{LiftRequest, OutageView};
pub use outbox::{MessageView, OutboxReport, ShownReport, ShownView, TargetView};
pub use people::{PeopleList, PeopleRequest, PersonView};
pub use queue::{
    AgentSlots, BudgetView, DependencyGate, JobCounts, LandingLine, MergeGate, QueueReport, QueueSources, Reconcile,
    RunningAgent, SerialGate, SerialLine, StopSwitch, StoppingTask, WaitingOnTasks,
};
pub use request::{NewTaskRequest, UnfreezeRequest};
pub use run::{AttemptView, CheckView, WeakenedView};
pub use task::{
    DependencyView, EpisodeAnswerView, EpisodeView, StageView, TaskDetailView, TaskList, TaskPlaceView, TaskView,
    TimelineView, UnknownView, WorkView,
};
pub use tracker::{TrackerView, WebhookCounts};
pub use usage::UsageView;
pub use wait::WaitView;
pub use work_seen::{DiffView, PaperView, PapersView};
