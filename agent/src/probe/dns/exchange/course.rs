//! One errand under way over UDP: what was sent when, what answers what, and what is still to be
//! asked another way. Deliberately absent: what is remembered when it is over.

use std::io;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::op::{Message, ResponseCode};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::{Instant, timeout_at};

use super::lines::Line;
use super::{Arrival, Errand, Loss};
use crate::clock::monotonic;
use crate::probe::dns::over_tcp;
use crate::probe::dns::peers::Tally;
use crate::probe::dns::question::{Edns, Head, Question};

/// Room for one datagram; a sane one is no larger than the EDNS payload that was offered.
const PACKET_BYTES: usize = 4096;
/// Queries under way at once to one server: below what servers limit, and what socket buffers hold.
const MOST_IN_FLIGHT: usize = 64;
/// TCP connections at once to one server.
const MOST_STREAMS: usize = 4;
/// Packets that answer nothing, beyond one for each question, which a network may deliver twice,
/// before a server is taken for a babbler.
const MOST_STRAYS: usize = 512;
/// Packets taken in a row before others get a turn.
const BURST: usize = 32;
/// The second attempt waits this long, or two fifths of the timeout if that is less.
const LONGEST_FIRST_ATTEMPT: Duration = Duration::from_secs(2);
/// A query that had less time than this was not lost: nobody waited for its answer.
const LEAST_WAIT: Duration = Duration::from_millis(250);
/// Twice with EDNS, twice without.
const MOST_ATTEMPTS: usize = 4;

/// What is left when an errand is over.
pub(super) struct Outcome<T> {
    /// In the order of the questions.
    pub(super) replies: Vec<Option<T>>,
    pub(super) tally: Tally,
    /// The server refused EDNS, and answered without.
    pub(super) is_better_without_edns: bool,
    /// For the next, where nothing can come any more that was meant for us.
    pub(super) line: Option<Line>,
}

/// A question that is under way.
struct Flight {
    question: usize,
    /// One for each attempt, so that a late answer to the first is not timed by the second.
    sent: [(u16, Instant); 2],
    attempts: usize,
    has_edns: bool,
}

/// All questions of one errand on their way.
pub(super) struct Course<'a, T, D> {
    errand: Errand<'a>,
    digest: &'a D,
    line: Line,
    /// No query on the line was lost or asked twice.
    is_line_clean: bool,
    /// Whether questions are first asked with EDNS.
    has_edns: bool,
    /// Answers that came with and without EDNS and were no refusal of it.
    answered_with_edns: usize,
    answered_without_edns: usize,
    replies: Vec<Option<T>>,
    /// Truncated over UDP, to be asked over TCP when there is room.
    truncated: Vec<usize>,
    /// To be sent once more, with EDNS or without.
    waiting: Vec<(usize, bool)>,
    flights: Vec<Flight>,
    next: usize,
    strays: usize,
    first_attempt: Duration,
    /// Two random bytes for each attempt at each question.
    ids: Vec<u8>,
    packet: Vec<u8>,
    tally: Tally,
}

impl<'a, T, D: Fn(&Question, Result<Arrival, Loss>) -> T> Course<'a, T, D> {
    pub(super) fn new(errand: Errand<'a>, edns: Edns, line: Line, digest: &'a D) -> Self {
        let count = errand.questions.len();
        let mut ids = vec![0; count * MOST_ATTEMPTS * 2];
        // Ids guard against off-path forgery alone; without randomness the connected socket's own
        // random port still does.
        let _ = SystemRandom::new().fill(&mut ids);
        let left = errand.deadline.saturating_duration_since(monotonic().into());
        Self {
            errand,
            digest,
            line,
            is_line_clean: true,
            has_edns: edns != Edns::Absent,
            answered_with_edns: 0,
            answered_without_edns: 0,
            replies: std::iter::repeat_with(|| None).take(count).collect(),
            truncated: Vec::new(),
            waiting: Vec::new(),
            flights: Vec::with_capacity(count.min(MOST_IN_FLIGHT)),
            next: 0,
            strays: 0,
            first_attempt: LONGEST_FIRST_ATTEMPT.min(left * 2 / 5),
            ids,
            packet: Vec::with_capacity(128),
            tally: Tally { rtts: Vec::with_capacity(count), lost: 0 },
        }
    }

    /// Runs until every question is answered or nothing more is to be hoped for.
    pub(super) async fn run(mut self) -> Outcome<T> {
        let mut buffer = Vec::with_capacity(PACKET_BYTES);
        let mut over_tcp = FuturesUnordered::new();
        loop {
            while let Err(error) = self.launch() {
                self.lose_line(&error);
            }
            while over_tcp.len() < MOST_STREAMS {
                let Some(question) = self.truncated.pop() else { break };
                let errand = self.errand;
                over_tcp.push(async move { (question, over_tcp::ask(&errand, question).await) });
            }
            if self.flights.is_empty() && over_tcp.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some((question, reply)) = over_tcp.next(), if !over_tcp.is_empty() => {
                    self.settle(question, reply);
                }
                ready = timeout_at(self.due(), self.line.socket.readable()), if !self.flights.is_empty() => {
                    let is_over = monotonic() >= self.errand.deadline.into_std();
                    match ready {
                        Ok(_) => self.receive(&mut buffer),
                        Err(_) if is_over => self.abandon(&Loss::Timeout),
                        // Something is due again.
                        Err(_) => {}
                    }
                }
            }
        }
        Outcome {
            // What is refused with EDNS for once says nothing of the server.
            is_better_without_edns: self.has_edns
                && self.answered_with_edns == 0
                && self.answered_without_edns > 0,
            replies: self.replies,
            tally: self.tally,
            line: self.is_line_clean.then_some(self.line),
        }
    }

    /// Sends what is not yet under way, as far as the bound allows, and what is due again.
    fn launch(&mut self) -> io::Result<()> {
        let now = Instant::from_std(monotonic());
        for index in 0..self.flights.len() {
            let flight = &self.flights[index];
            if flight.attempts == 1 && now >= flight.sent[0].1 + self.first_attempt {
                let id = self.send(flight.question, flight.has_edns, 1)?;
                self.flights[index].sent[1] = (id, now);
                self.flights[index].attempts = 2;
                self.is_line_clean = false;
            }
        }
        while self.flights.len() < MOST_IN_FLIGHT && self.next < self.replies.len() {
            self.take_off(self.next, self.has_edns, now)?;
            self.next += 1;
        }
        while let Some(&(question, has_edns)) = self.waiting.last()
            && self.flights.len() < MOST_IN_FLIGHT
        {
            self.take_off(question, has_edns, now)?;
            self.waiting.pop();
        }
        Ok(())
    }

    fn take_off(&mut self, question: usize, has_edns: bool, now: Instant) -> io::Result<()> {
        let id = self.send(question, has_edns, 0)?;
        self.flights.push(Flight { question, sent: [(id, now); 2], attempts: 1, has_edns });
        Ok(())
    }

    fn send(&mut self, question: usize, has_edns: bool, attempt: usize) -> io::Result<u16> {
        let (nth, edns) = match (has_edns, attempt) {
            (true, 0) => (0, Edns::Whole),
            (true, _) => (1, Edns::Plain),
            (false, attempt) => (2 + attempt, Edns::Absent),
        };
        let at = (question * MOST_ATTEMPTS + nth) * 2;
        let id = u16::from_be_bytes([self.ids[at], self.ids[at + 1]]);
        self.packet.clear();
        let question = &self.errand.questions[question];
        question.write_with(edns, id, self.errand.role, &mut self.packet);
        self.line.send(&self.packet)?;
        Ok(id)
    }

    /// When something is to be done even if nothing comes.
    fn due(&self) -> Instant {
        self.flights
            .iter()
            .filter(|flight| flight.attempts == 1)
            .map(|flight| flight.sent[0].1 + self.first_attempt)
            .fold(self.errand.deadline, Instant::min)
    }

    /// Takes what has come, at most a burst of it.
    fn receive(&mut self, buffer: &mut Vec<u8>) {
        for _ in 0..BURST {
            if self.flights.is_empty() {
                break;
            }
            buffer.clear();
            match self.line.socket.try_recv_buf(buffer) {
                Ok(_) => self.take(buffer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => self.lose_line(&error),
            }
            if self.strays > MOST_STRAYS + self.replies.len() {
                self.abandon(&Loss::Garbage);
            }
        }
    }

    fn take(&mut self, packet: &[u8]) {
        let Some((at, attempt, head)) = self.recognise(packet) else {
            self.strays += 1;
            return;
        };
        let flight = self.flights.swap_remove(at);
        let rtt = monotonic().duration_since(flight.sent[attempt].1.into_std());
        self.tally.rtts.push(rtt);
        self.tally.lost += u32::from(attempt > 0);
        if head.is_truncated {
            self.truncated.push(flight.question);
            return;
        }
        let Ok(message) = Message::from_vec(packet) else {
            self.settle(flight.question, Err(Loss::Garbage));
            return;
        };
        match (flight.has_edns, is_edns_refused(&message)) {
            (true, true) => return self.waiting.push((flight.question, false)),
            (true, false) => self.answered_with_edns += 1,
            (false, false) => self.answered_without_edns += 1,
            (false, true) => {}
        }
        let repeated = flight.attempts > 1;
        self.settle(flight.question, Ok(Arrival { message, rtt, over_tcp: false, repeated }));
    }

    fn settle(&mut self, question: usize, reply: Result<Arrival, Loss>) {
        self.replies[question] = Some((self.digest)(&self.errand.questions[question], reply));
    }

    /// The flight and attempt that a packet answers.
    fn recognise(&self, packet: &[u8]) -> Option<(usize, usize, Head)> {
        let head = Head::of(packet)?;
        self.flights.iter().enumerate().find_map(|(at, flight)| {
            let sent = &flight.sent[..flight.attempts];
            let attempt = sent.iter().position(|&(id, _)| id == head.id)?;
            self.errand.questions[flight.question]
                .is_answered_by(packet)
                .then_some((at, attempt, head))
        })
    }

    /// What the line reports may be about somebody else's query, where others had it before: then
    /// everything under way is sent again over a new one. Of a line of our own it is believed.
    fn lose_line(&mut self, error: &io::Error) {
        let loss = Loss::of(error, self.errand.server);
        let again = if self.line.is_used { self.begin_anew() } else { Err(loss) };
        if let Err(loss) = again {
            self.is_line_clean = false;
            self.abandon(&loss);
        }
    }

    fn begin_anew(&mut self) -> Result<(), Loss> {
        let of = |error: io::Error| Loss::of(&error, self.errand.server);
        self.line = Line::open(self.errand.way()).map_err(of)?;
        let under_way = self.flights.drain(..).map(|flight| (flight.question, flight.has_edns));
        self.waiting.extend(under_way);
        Ok(())
    }

    /// Gives up on everything that UDP has not answered yet.
    fn abandon(&mut self, loss: &Loss) {
        self.is_line_clean = false;
        let now = Instant::from_std(monotonic());
        for flight in std::mem::take(&mut self.flights) {
            if *loss == Loss::Timeout {
                let sent = flight.sent[..flight.attempts].iter();
                let lost = sent.filter(|(_, at)| now.duration_since(*at) >= LEAST_WAIT).count();
                self.tally.lost += u32::try_from(lost).unwrap_or(0);
            }
            self.settle(flight.question, Err(loss.clone()));
        }
        for (question, _) in std::mem::take(&mut self.waiting) {
            self.settle(question, Err(loss.clone()));
        }
        for question in self.next..self.replies.len() {
            self.settle(question, Err(loss.clone()));
        }
        self.next = self.replies.len();
    }
}

/// A server from before EDNS, or one that knows another version of it (RFC 6891 §6.1.3, §7).
fn is_edns_refused(message: &Message) -> bool {
    let code = message.metadata.response_code;
    let bad_version = u16::from(ResponseCode::BADVERS);
    matches!(code, ResponseCode::FormErr | ResponseCode::NotImp) || u16::from(code) == bad_version
}
