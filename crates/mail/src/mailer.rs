//! The queue: letters wait here for the mail server, and nobody waits for them.

use crate::{
    Mailbox, Setup, Transport,
    deliver::{self, Trouble},
    message,
    templates::Written,
};
use arc_swap::{ArcSwap, ArcSwapOption};
use doorward_core::{
    mail::{About, Letter, Post},
    ports::{Clock, Entropy},
};
use lettre::Message;
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

/// How patient the queue is.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How many letters may be under way, those that wait for another try included.
    pub letters: usize,
    /// How many are handed over at once.
    pub at_once: usize,
    /// How long to wait before each further try.
    pub pauses: Vec<Duration>,
}

/// A thousand letters, four at once, six tries within half an hour: a reset link has a meaning for hours.
impl Default for Patience {
    fn default() -> Self {
        Self { letters: 1000, at_once: 4, pauses: [2, 15, 60, 300, 1200].map(Duration::from_secs).into() }
    }
}

/// How a letter fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was handed over.
    Sent,
    /// It was not, and will be tried again.
    Delayed,
    /// It was given up.
    Failed,
    /// There was no room in the queue.
    Dropped,
}

impl Outcome {
    /// One word for logs and metrics; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Sent => "sent",
            Outcome::Delayed => "delayed",
            Outcome::Failed => "failed",
            Outcome::Dropped => "dropped",
        }
    }
}

/// Something about a letter, for logs and metrics. There is no link and no address in it.
#[derive(Clone, Debug)]
pub struct MailEvent<'a> {
    /// What it is about: `reset`.
    pub mail: &'static str,
    /// How it fared.
    pub outcome: Outcome,
    /// The account's directory.
    pub directory: &'a str,
    /// What stands behind the `@` of its address.
    pub domain: &'a str,
    /// How many tries there were.
    pub tries: u64,
    /// What was wrong; empty if nothing.
    pub detail: &'a str,
}

/// Whoever writes events down.
pub trait Ledger: Send + Sync {
    /// A letter fared somehow.
    fn mail(&self, event: &MailEvent<'_>);
    /// `log:`: this is the mail. It may hold a link that is a secret.
    fn show(&self, mail: &'static str, to: &str, subject: &str, text: &str, link: Option<&str>);
}

/// Sends mail.
pub struct Mailer {
    shared: Arc<Shared>,
    runtime: Handle,
}

struct Shared {
    setup: ArcSwapOption<Setup>,
    public_url: ArcSwap<Arc<str>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ledger: Arc<dyn Ledger>,
    patience: Patience,
    room: Arc<Semaphore>,
    hands: Semaphore,
    closing: watch::Sender<bool>,
}

impl Mailer {
    /// A mailer whose work is done by `runtime`. Without a setup it takes nothing.
    pub fn new(
        setup: Option<Setup>,
        public_url: Arc<str>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        ledger: Arc<dyn Ledger>,
        patience: Patience,
        runtime: Handle,
    ) -> Self {
        let shared = Shared {
            setup: ArcSwapOption::new(setup.map(Arc::new)),
            public_url: ArcSwap::from_pointee(public_url),
            clock,
            entropy,
            ledger,
            room: Arc::new(Semaphore::new(patience.letters)),
            hands: Semaphore::new(patience.at_once.max(1)),
            patience,
            closing: watch::Sender::new(false),
        };
        Self { shared: Arc::new(shared), runtime }
    }

    /// Letters go this way from now on, those that wait for another try too.
    pub fn set(&self, setup: Option<Setup>, public_url: Arc<str>) {
        self.shared.setup.store(setup.map(Arc::new));
        self.shared.public_url.store(Arc::new(public_url));
    }

    /// Lets what is under way finish, but no longer than `patience`; what waits for another try gets it now. Whatever is
    /// left is given up.
    pub async fn close(&self, patience: Duration) {
        self.shared.closing.send_replace(true);
        let all = u32::try_from(self.shared.patience.letters).unwrap_or(u32::MAX);
        let _ = timeout(patience, self.shared.room.acquire_many(all)).await;
    }
}

impl Post for Mailer {
    fn is_open(&self) -> bool {
        self.shared.setup.load().is_some()
    }

    fn send(&self, letter: Letter) {
        match Arc::clone(&self.shared.room).try_acquire_owned() {
            Ok(room) => {
                let shared = Arc::clone(&self.shared);
                self.runtime.spawn(async move { shared.carry(letter, room).await });
            }
            Err(_) => self.shared.note(&letter, Outcome::Dropped, 0, "too many mails wait already"),
        }
    }

    fn contact(&self) -> Option<Arc<str>> {
        let setup = self.shared.setup.load();
        setup.as_ref().map(|setup| setup.reply_to.as_ref().unwrap_or(&setup.from).address().into())
    }
}

impl Shared {
    /// A letter's way, from the template to its end.
    async fn carry(&self, letter: Letter, _room: OwnedSemaphorePermit) {
        let mut closing = self.closing.subscribe();
        let mut mail = None;
        let mut tries = 0;
        loop {
            tries += 1;
            let trouble = match self.attempt(&letter, &mut mail).await {
                Ok(()) => return self.note(&letter, Outcome::Sent, tries, ""),
                Err(trouble) => trouble,
            };
            let pause = self.patience.pauses.get(tries as usize - 1);
            let (Some(pause), false, false) = (pause, trouble.for_good, *closing.borrow()) else {
                return self.note(&letter, Outcome::Failed, tries, &trouble.why);
            };
            self.note(&letter, Outcome::Delayed, tries, &trouble.why);
            // Whoever closes wants it tried once more, now.
            let _ = timeout(*pause, closing.wait_for(|closing| *closing)).await;
        }
    }

    async fn attempt(&self, letter: &Letter, mail: &mut Option<Mail>) -> Result<(), Trouble> {
        let for_good = |why: String| Trouble { for_good: true, why };
        let Some(setup) = self.setup.load_full() else { return Err(for_good("no way to send mail is configured".into())) };
        // The same message at every try, so that a server that took it twice shows it once.
        let mail = match mail {
            Some(mail) => mail,
            None => mail.insert(self.write(&setup, letter).map_err(for_good)?),
        };
        let Ok(_hand) = self.hands.acquire().await else { return Err(for_good("mail is no longer sent".into())) };
        match &setup.transport {
            Transport::Smtp(smtp) => deliver::by_smtp(smtp, setup.from.domain(), &mail.message).await,
            Transport::Folder(folder) => deliver::to_folder(folder, mail.name.clone(), &mail.message).await,
            Transport::Log => {
                let link = match &letter.about {
                    About::Confirm(invitation) | About::Reset(invitation) => Some(&*invitation.link),
                    _ => None,
                };
                self.ledger.show(letter.about.name(), &letter.to, &mail.written.subject, &mail.written.text, link);
                Ok(())
            }
        }
    }

    fn write(&self, setup: &Setup, letter: &Letter) -> Result<Mail, String> {
        let to = Mailbox::of_account(&letter.to).ok_or("the account's address is none that mail can be sent to")?;
        let public_url = self.public_url.load();
        let written = setup
            .templates
            .write(letter, &public_url)
            .map_err(|bad| format!("the template {}, line {}: {}", bad.file, bad.line, bad.message))?;
        let now = self.clock.now();
        let message = message::build(setup, &to, written.clone(), now, &*self.entropy).map_err(|error| error.to_string())?;
        let name = format!("{:013}-{}-{}", now.0, letter.about.name(), message::token(&*self.entropy));
        Ok(Mail { written, message, name })
    }

    fn note(&self, letter: &Letter, outcome: Outcome, tries: u64, detail: &str) {
        let domain = letter.to.rsplit_once('@').map_or("-", |(_, domain)| domain);
        let mail = letter.about.name();
        self.ledger.mail(&MailEvent { mail, outcome, directory: &letter.directory, domain, tries, detail });
    }
}

/// A letter as it is sent.
struct Mail {
    written: Written,
    message: Message,
    name: String,
}
