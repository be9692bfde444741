//! One request of the run to its model, and the answer.

use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::config::{Limits, Model, Wire};
use crate::count::{Counter, Told};
use crate::credential::Credential;
use crate::heads::{After, answer, closes, framed, framing, is_authorized, is_sent_on, put, status_line};
use crate::journal::{Entry, Journal, now_ms};
use crate::ledger::{Ledger, Unavailable, UnderWay};
use crate::line::{Line, Patience, Socket, Trouble};
use crate::meaning;
use crate::message::{Answer, Body, Fault, Request, has_token, read_answer};
use crate::refusal::Refused;
use crate::unavailable::{About, answered, is_used_up, judge};
use crate::upstream::Upstream;

/// Bodies of errors are read whole, to be judged; what is longer is cut here.
const ERROR_MAX: usize = 256 << 10;

/// The vendor of a run's model, ready to be asked.
pub struct Vendor {
    /// As configured.
    pub model: Model,
    /// The real key.
    pub credential: Credential,
    /// The way there.
    pub upstream: Upstream,
    /// What the vendor last said of the key itself, and when.
    pub key_refused: Mutex<Option<(Instant, bool)>>,
}

/// What an exchange needs besides the connection.
pub struct Exchange<'a> {
    /// The vendor.
    pub vendor: &'a Vendor,
    /// Key of the run.
    pub run_key: &'a str,
    /// Bounds.
    pub limits: &'a Limits,
    /// Counts.
    pub ledger: &'a Ledger,
    /// Journal.
    pub journal: &'a Journal,
    /// The run's connection once more: its end aborts the exchange.
    pub watch: &'a Socket,
}

/// How a body, or an exchange, broke off.
enum Broke {
    /// The run's side: nobody is left to tell.
    Run(Fault),
    /// The vendor's side.
    Vendor(Fault),
    /// The request is larger than allowed.
    TooLarge,
}

impl Exchange<'_> {
    fn idle(&self) -> Patience<'_> {
        Patience::of(Duration::from_millis(self.limits.idle_ms), Some(self.watch.as_fd()))
    }

    /// Carries `request` to the vendor and the answer back.
    pub fn carry(&self, client: &mut Line, request: &Request) -> After {
        let began = Instant::now();
        let path = request.target.split('?').next().unwrap_or_default();
        let mut entry =
            Entry { kind: "model", target: format!("{}{path}", self.vendor.upstream.authority), ..Entry::default() };
        let after = self.judged(client, request, path, &mut entry);
        entry.ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.journal.note(entry);
        after
    }

    fn judged(&self, client: &mut Line, request: &Request, path: &str, entry: &mut Entry) -> After {
        let mut body = match Body::of(&request.headers, Body::End) {
            Ok(body) => body,
            Err(fault) => return self.refuse(client, request, Refused::Bad, &fault.words(), None, entry),
        };
        if !is_authorized(&request.headers, self.run_key) {
            let words = "this proxy serves its own run only; the request does not name the run's key";
            return self.refuse(client, request, Refused::Unauthorized, words, Some(body), entry);
        }
        // Older clients look whether anybody is there.
        if request.method == "HEAD" && path == "/" {
            entry.status = 200;
            return self.ended(answer(client, 200, &[], b"", After::KeepAlive, self.limits), request, entry);
        }
        let counted = match (self.vendor.model.wire, request.method.as_str(), path) {
            (Wire::AnthropicMessages, "POST", "/v1/messages") | (Wire::OpenAiResponses, "POST", "/v1/responses") => {
                true
            }
            (Wire::AnthropicMessages, "POST", "/v1/messages/count_tokens") => false,
            _ => {
                let words = "only the model's own paths go out here";
                return self.refuse(client, request, Refused::NotFound, words, Some(body), entry);
            }
        };
        let too_large = format!("the request is larger than {} bytes", self.limits.request_bytes);
        if matches!(body, Body::Length(n) if n > self.limits.request_bytes) {
            return self.refuse(client, request, Refused::TooLarge, &too_large, Some(body), entry);
        }
        let text = match self.whole(client, request, &mut body) {
            Ok(text) => text,
            Err(Broke::TooLarge) => return self.refuse(client, request, Refused::TooLarge, &too_large, None, entry),
            Err(Broke::Run(fault) | Broke::Vendor(fault)) => {
                entry.broke = Some(fault.words());
                return After::Close;
            }
        };
        let asked = match meaning::read(self.vendor.model.wire, &text, self.vendor.model.vendor_tools) {
            Ok(asked) => asked,
            Err(words) => {
                let words = words.replace("<name>", &self.vendor.model.name);
                return self.refuse(client, request, Refused::Bad, &words, Some(body), entry);
            }
        };
        let patience = Duration::from_millis(self.limits.answer_ms);
        let under_way = match self.ledger.admit(&asked, patience) {
            Ok(under_way) => under_way,
            Err(words) => {
                let _noted = self.ledger.save();
                return self.refuse(client, request, Refused::Budget, &words, Some(body), entry);
            }
        };
        let mut upstream = match self.vendor.upstream.take(Some(self.watch.as_fd())) {
            Ok(line) => line,
            Err(words) => {
                self.ledger.unanswered(under_way);
                return self.unreachable(client, request, &words, body, entry);
            }
        };
        let told = match self.ask(request, &text, &mut upstream, entry) {
            Ok(told) => told,
            Err(Broke::Vendor(fault)) => {
                self.ledger.unanswered(under_way);
                let words = format!("{} does not answer: {}", self.vendor.upstream.authority, fault.words());
                return self.unreachable(client, request, &words, body, entry);
            }
            // It hung up before the first word of an answer: whether there was one, nobody knows.
            Err(Broke::Run(fault)) => {
                self.ledger.answered(under_way, &Told::default());
                let _next_time = self.ledger.save();
                entry.broke = Some(fault.words());
                return After::Close;
            }
            Err(Broke::TooLarge) => return After::Close,
        };
        entry.status = told.status;
        let whole_request = true;
        let outcome = match told.status {
            400.. => {
                self.ledger.unanswered(under_way);
                self.pass_error(client, told, &mut upstream, whole_request, entry)
            }
            _ if counted => self.pass_good(client, request, told, &mut upstream, Some(under_way), entry),
            _ => {
                self.ledger.unanswered(under_way);
                self.pass_good(client, request, told, &mut upstream, None, entry)
            }
        };
        let reusable = match outcome {
            Ok(reusable) => reusable,
            Err(Broke::Run(fault) | Broke::Vendor(fault)) => {
                entry.broke = Some(fault.words());
                return After::Close;
            }
            Err(Broke::TooLarge) => return After::Close,
        };
        if reusable && whole_request {
            self.vendor.upstream.give_back(upstream);
        }
        if whole_request && !closes(request) { After::KeepAlive } else { After::Close }
    }

    /// The body of the request: it is looked at before anything of it goes out.
    fn whole(&self, client: &mut Line, request: &Request, body: &mut Body) -> Result<Vec<u8>, Broke> {
        if *body != Body::End && has_token(&request.headers, "expect", "100-continue") {
            client.send(b"HTTP/1.1 100 Continue\r\n\r\n", self.idle()).map_err(|t| Broke::Run(t.into()))?;
        }
        let (mut text, mut piece) = (Vec::new(), Vec::new());
        // The run's own silence: it is not watched, it is read.
        while body.next(client, Patience { watch: None, ..self.idle() }, &mut piece).map_err(Broke::Run)? {
            if (text.len() + piece.len()) as u64 > self.limits.request_bytes {
                return Err(Broke::TooLarge);
            }
            text.extend_from_slice(&piece);
        }
        Ok(text)
    }

    /// The vendor cannot be reached: noted for whoever asks what became of the run.
    fn unreachable(&self, client: &mut Line, request: &Request, words: &str, body: Body, entry: &mut Entry) -> After {
        self.ledger.unserved(Some(words.to_owned()));
        let _next_time = self.ledger.save();
        self.refuse(client, request, Refused::Unreachable, words, Some(body), entry)
    }

    /// Sends the request on and reads the head of the answer.
    fn ask(&self, request: &Request, text: &[u8], upstream: &mut Line, entry: &mut Entry) -> Result<Answer, Broke> {
        let idle = || self.idle();
        let head = self.head(request, &Body::Length(text.len() as u64));
        upstream.send(&head, idle()).map_err(of_vendor)?;
        entry.bytes_out = text.len() as u64;
        match upstream.send(text, idle()) {
            // It may have said why before it hung up.
            Ok(()) | Err(Trouble::Closed) => {}
            Err(trouble) => return Err(of_vendor(trouble)),
        }
        let limit = Duration::from_millis(self.limits.answer_ms);
        read_answer(upstream, Patience::of(limit, Some(self.watch.as_fd()))).map_err(|fault| match fault {
            Fault::Line(trouble) => of_vendor(trouble),
            fault => Broke::Vendor(fault),
        })
    }

    fn head(&self, request: &Request, body: &Body) -> Vec<u8> {
        let vendor = self.vendor;
        let mut head =
            format!("{} {}{} HTTP/1.1\r\n", request.method, vendor.upstream.prefix, request.target).into_bytes();
        put(&mut head, "host", vendor.upstream.authority.as_bytes());
        let (name, value) = vendor.credential.header();
        put(&mut head, name, value.as_bytes());
        // Figures are read from the answer as it passes.
        put(&mut head, "accept-encoding", b"identity");
        framing(&mut head, body);
        let beta = vendor.credential.beta();
        if let Some(beta) = beta.filter(|beta| !has_token(&request.headers, "anthropic-beta", beta)) {
            put(&mut head, "anthropic-beta", beta.as_bytes());
        }
        for (name, value) in request.headers.iter().filter(|(name, _)| is_sent_on(&request.headers, name)) {
            put(&mut head, name.as_str(), value.as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// Passes an answer with a status below 400 on as it comes, and counts.
    fn pass_good(
        &self,
        client: &mut Line,
        request: &Request,
        told: Answer,
        upstream: &mut Line,
        under_way: Option<UnderWay>,
        entry: &mut Entry,
    ) -> Result<bool, Broke> {
        let mut body = match told.status {
            204 | 304 => Body::End,
            _ => Body::of(&told.headers, Body::UntilClose).map_err(Broke::Vendor)?,
        };
        let streamed = told.headers.get("content-type").is_some_and(|v| v.as_bytes().starts_with(b"text/event-stream"));
        let plain =
            !told.headers.contains_key("content-encoding") || has_token(&told.headers, "content-encoding", "identity");
        let counts = (200..300).contains(&told.status);
        let under_way = match under_way {
            Some(under_way) if !counts => {
                self.ledger.unanswered(under_way);
                None
            }
            under_way => under_way,
        };
        let mut counter = under_way.as_ref().map(|_| Counter::new(self.vendor.model.wire, streamed));
        let chunked = matches!(body, Body::Chunks(_) | Body::UntilClose) && !request.old;
        let sent = self.send_good_head(client, request, &told, &body, chunked);
        let reusable = !told.closes && body != Body::UntilClose;
        let mut piece = Vec::new();
        let mut scrubber = self.vendor.credential.scrubber();
        let mut passed = sent.map_err(|trouble| Broke::Run(trouble.into()));
        while passed.is_ok() {
            match body.next(upstream, self.idle(), &mut piece) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Fault::Line(trouble)) => passed = Err(of_vendor(trouble)),
                Err(fault) => passed = Err(Broke::Vendor(fault)),
            }
            entry.bytes_in += piece.len() as u64;
            if let Some(counter) = counter.as_mut().filter(|_| plain) {
                counter.feed(&piece);
            }
            if passed.is_ok() {
                let clean = scrubber.pass(&piece, body == Body::End);
                passed = client.send(&framed(&clean, chunked), self.idle()).map_err(|t| Broke::Run(t.into()));
            }
        }
        if let (Err(Broke::Run(_)), Some(counter)) = (&passed, counter.as_mut().filter(|_| plain)) {
            self.read_on(&mut body, upstream, counter);
        }
        if passed.is_ok() {
            let rest = scrubber.pass(&[], true);
            passed = client.send(&framed(&rest, chunked), self.idle()).map_err(|t| Broke::Run(t.into()));
        }
        // Before the end is told: what the run asks next is judged by these counts.
        if let (Some(counter), Some(under_way)) = (counter, under_way) {
            let told = counter.finish();
            self.ledger.answered(under_way, &told);
            let authority = &self.vendor.upstream.authority;
            match (&passed, &told.failed) {
                (Err(Broke::Vendor(fault)), _) => {
                    self.ledger.unserved(Some(format!("{authority} broke off its answer: {}", fault.words())));
                }
                (_, Some(code)) => {
                    self.ledger.unserved(Some(format!("{authority} ended its answer with an error ({code})")))
                }
                (Ok(()), None) if streamed && !told.whole => {
                    self.ledger.unserved(Some(format!("{authority} ended its answer in the middle")));
                }
                _ => {}
            }
            if let Some(code) = told.failed.filter(|code| is_used_up(code)) {
                let reason = format!("the allowance is used up ({code})");
                self.ledger.unavailable(Unavailable { until_ms: None, reason });
            }
        }
        if passed.is_ok() && chunked {
            passed = client.send(b"0\r\n\r\n", self.idle()).map_err(|t| Broke::Run(t.into()));
        }
        if counts && self.ledger.save().is_err() {
            entry.broke = Some("the counts cannot be written".to_owned());
        }
        passed.map(|()| reusable)
    }

    /// What an answer cost stands at its end, whoever still listens: so it is read on, for a bounded time.
    fn read_on(&self, body: &mut Body, upstream: &mut Line, counter: &mut Counter) {
        let patience = Patience::of(Duration::from_millis(self.limits.after_hang_up_ms), None);
        let mut piece = Vec::new();
        while !counter.is_whole() && matches!(body.next(upstream, patience, &mut piece), Ok(true)) {
            counter.feed(&piece);
        }
    }

    fn send_good_head(
        &self,
        client: &mut Line,
        request: &Request,
        told: &Answer,
        body: &Body,
        chunked: bool,
    ) -> Result<(), Trouble> {
        let mut head = status_line(told.status);
        for (name, value) in told.headers.iter().filter(|(name, _)| is_sent_on(&told.headers, name)) {
            put(&mut head, name.as_str(), &self.vendor.credential.scrubbed(value.as_bytes()));
        }
        match body {
            _ if chunked => put(&mut head, "transfer-encoding", b"chunked"),
            Body::Length(_) | Body::End => framing(&mut head, body),
            // An old client reads until the end of the connection.
            Body::Chunks(_) | Body::UntilClose => {}
        }
        if closes(request) {
            put(&mut head, "connection", b"close");
        }
        head.extend_from_slice(b"\r\n");
        client.send(&head, self.idle())
    }

    /// Judges an answer that is an error, and passes it on whole.
    fn pass_error(
        &self,
        client: &mut Line,
        told: Answer,
        upstream: &mut Line,
        whole_request: bool,
        entry: &mut Entry,
    ) -> Result<bool, Broke> {
        let mut body = Body::of(&told.headers, Body::UntilClose).map_err(Broke::Vendor)?;
        let (mut text, mut piece) = (Vec::new(), Vec::new());
        // An error that breaks off is still an error.
        while text.len() < ERROR_MAX && matches!(body.next(upstream, self.idle(), &mut piece), Ok(true)) {
            text.extend_from_slice(&piece);
        }
        let text = self.vendor.credential.scrubbed(&text);
        entry.bytes_in += text.len() as u64;
        let mut verdict = judge(self.vendor.model.wire, told.status, &told.headers, &text, now_ms());
        if verdict.about == About::Perhaps {
            // One run must not speak for a credential: a model or a feature may be what is refused.
            verdict.decide(self.vendor.key_is_refused(told.status, self.limits));
        }
        self.ledger.unserved(verdict.unserved(told.status, &text));
        if verdict.unknown_model {
            self.ledger.unknown_model(answered(told.status, &text));
        }
        if let Some(unavailable) = verdict.unavailable {
            self.ledger.unavailable(unavailable);
        }
        let _next_time = self.ledger.save();
        let mut head = status_line(told.status);
        for (name, value) in told.headers.iter().filter(|(name, _)| is_sent_on(&told.headers, name)) {
            let own = (verdict.final_ && *name == "x-should-retry")
                || (verdict.retry_after.is_some() && name.as_str().starts_with("retry-after"));
            if !own {
                put(&mut head, name.as_str(), &self.vendor.credential.scrubbed(value.as_bytes()));
            }
        }
        if verdict.final_ {
            put(&mut head, "x-should-retry", b"false");
        }
        if let Some(seconds) = verdict.retry_after {
            put(&mut head, "retry-after", seconds.to_string().as_bytes());
        }
        if !whole_request {
            put(&mut head, "connection", b"close");
        }
        put(&mut head, "content-length", text.len().to_string().as_bytes());
        head.extend_from_slice(b"\r\n");
        head.extend_from_slice(&text);
        client.send(&head, self.idle()).map_err(|trouble| Broke::Run(trouble.into()))?;
        Ok(body == Body::End && !told.closes)
    }

    /// Answers without the vendor. `unread` is what is left of the request; `None` if its end cannot be found.
    fn refuse(
        &self,
        client: &mut Line,
        request: &Request,
        why: Refused,
        words: &str,
        unread: Option<Body>,
        entry: &mut Entry,
    ) -> After {
        let (status, body) = why.answer(self.vendor.model.wire, words);
        entry.status = status;
        entry.refused = Some(words.to_owned());
        let mut extra = vec![("content-type", "application/json")];
        if !why.passes() {
            extra.push(("x-should-retry", "false"));
        }
        // Who waits for a word before it sends its body must not be waited for.
        let unread = unread.filter(|_| !request.headers.contains_key("expect"));
        let drained = unread.is_some_and(|mut unread| self.drain(client, &mut unread));
        let after = if drained && !closes(request) { After::KeepAlive } else { After::Close };
        let body: &[u8] = if request.method == "HEAD" { b"" } else { &body };
        match answer(client, status, &extra, body, after, self.limits) {
            Ok(()) => after,
            Err(_) => After::Close,
        }
    }

    /// Reads what is left of a refused request, so that the refusal is not lost with a connection that is reset.
    fn drain(&self, client: &mut Line, body: &mut Body) -> bool {
        let patience = Patience::of(Duration::from_millis(self.limits.head_ms), None);
        let (mut piece, mut read) = (Vec::new(), 0);
        loop {
            match body.next(client, patience, &mut piece) {
                Ok(true) if read <= self.limits.request_bytes => read += piece.len() as u64,
                Ok(false) => return true,
                _ => return false,
            }
        }
    }

    fn ended(&self, sent: Result<(), Trouble>, request: &Request, entry: &mut Entry) -> After {
        match sent {
            Ok(()) if !closes(request) => After::KeepAlive,
            Ok(()) => After::Close,
            Err(trouble) => {
                entry.broke = Some(trouble.words());
                After::Close
            }
        }
    }
}

/// Trouble while the vendor was written to or read: its own, or the run's that hung up meanwhile.
fn of_vendor(trouble: Trouble) -> Broke {
    match trouble {
        Trouble::Gone => Broke::Run(trouble.into()),
        _ => Broke::Vendor(trouble.into()),
    }
}
