//! What stands around every page: menu, counts, the person, what the page before has to say.

use orch_engine::control::ControlError;
use orch_ports::deliveries::{DeliveryFilter, DeliveryState};
use orch_ports::feed::FeedFilter;
use orch_ports::outbox::{MessageFilter, MessageState};
use orch_rules::ids::Timestamp;

use crate::Pages;
use crate::assets::ASSETS;
use crate::door::LoggedIn;
use crate::say::Voice;

/// Which entry of the menu a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Menu {
    Nowhere,
    Inbox,
    Board,
    Lane,
    Runs,
    Waiting,
    Costs,
    Deploys,
    Reliability,
    Repositories,
    Settings,
    People,
    More,
    New,
}

/// How many there are of what the menu names.
#[derive(Debug, Default)]
pub(crate) struct MenuCounts {
    pub asked: u64,
    pub stuck: u64,
    pub open: u64,
    pub lane: u64,
    pub runs: u64,
    pub waiting: u64,
    pub dead: u64,
}

/// Most given-up messages and deliveries that are counted.
const MOST_DEAD: u32 = 100;

/// What stands around a page.
pub(crate) struct Frame {
    pub say: Voice,
    pub base: String,
    pub css: &'static str,
    pub js: &'static str,
    pub icon: &'static str,
    pub title: String,
    pub here: Menu,
    pub csrf: String,
    pub person: String,
    pub theme: &'static str,
    pub note: Option<(bool, String)>,
    pub counts: MenuCounts,
    /// The page's address, for forms that come back.
    pub path: String,
    pub now: Timestamp,
    /// Where the page goes on in the feed of changes; empty: it does not.
    pub after: String,
    /// Only changes of this task matter to it: `shop/SHOP-128`.
    pub of: String,
    /// Something is asked: on a phone the answer stands under the thumb.
    pub asks: bool,
    pub acts: bool,
    pub administers: bool,
    /// Where the phone's arrow leads.
    pub up: Option<&'static str>,
}

impl Frame {
    /// Without counts and changes: where the store may be away.
    pub fn bare(visitor: &LoggedIn, title: String) -> Self {
        let [css, js, icon] = &*ASSETS;
        Self {
            say: visitor.say.clone(),
            base: visitor.base.clone(),
            css: &css.name,
            js: &js.name,
            icon: &icon.name,
            title,
            here: Menu::Nowhere,
            csrf: visitor.csrf.clone(),
            person: visitor.person.display.clone(),
            theme: visitor.theme,
            note: visitor.note.clone(),
            counts: MenuCounts::default(),
            path: visitor.path.clone(),
            now: now(),
            after: String::new(),
            of: String::new(),
            asks: false,
            acts: visitor.acts(),
            administers: visitor.administers(),
            up: None,
        }
    }

    /// Of a page.
    pub async fn of(pages: &Pages, visitor: &LoggedIn, here: Menu, title: String) -> Result<Self, ControlError> {
        // Asked before anything is read: what changes from here on is told.
        let begun = FeedFilter { limit: 1, ..FeedFilter::default() };
        let after = pages.control.feed(begun, std::time::Duration::ZERO).await?.next.to_string();
        let mut counts = MenuCounts::default();
        for (kind, count) in pages.control.counts(None).await? {
            counts.open += count;
            match kind.as_str() {
                "human" => counts.asked += count,
                "held" | "repository" => counts.stuck += count,
                "agent" | "collecting" | "check" | "stopping" | "stop_after_step" => counts.runs += count,
                "lane" => counts.lane += count,
                "backlog" => {}
                _ => counts.waiting += count,
            }
        }
        let messages = MessageFilter { target: None, state: Some(MessageState::Dead), limit: MOST_DEAD };
        let deliveries = DeliveryFilter { source: None, state: Some(DeliveryState::Dead), limit: MOST_DEAD };
        let (messages, deliveries) =
            (pages.control.outbox(&messages).await?, pages.control.deliveries(&deliveries).await?);
        counts.dead = (messages.messages.len() + deliveries.len()) as u64;
        Ok(Self { here, counts, after, ..Self::bare(visitor, title) })
    }

    /// A text.
    pub fn t(&self, id: &str) -> String {
        self.say.t(id)
    }

    /// A text about so many.
    pub fn n(&self, id: &str, count: &u64) -> String {
        self.say.n(id, *count)
    }

    /// `aria-current`, if that is where the page belongs.
    pub fn current(&self, here: Menu) -> &'static str {
        if here == self.here { " aria-current=\"page\"" } else { "" }
    }

    /// The first letter of the person.
    pub fn initial(&self) -> String {
        self.person.chars().next().unwrap_or('?').to_string()
    }

    /// The name of one press.
    pub fn key(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }

    /// When the page was made.
    pub fn as_of(&self) -> String {
        self.say.seconds(self.now)
    }
}

/// The clock of this machine.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
