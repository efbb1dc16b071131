//! How long a body may rest between two of its parts.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// Waits no longer than so long since the last progress. The timer exists only for bodies that let us wait.
pub(crate) struct Patience {
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    moved: bool,
}

impl Patience {
    /// Whole patience.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, timer: None, moved: true }
    }

    /// Something came: from now on it is whole again.
    pub(crate) fn moved(&mut self) {
        self.moved = true;
    }

    /// Ready once it is at its end; to be asked when nothing came.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = Instant::now() + self.timeout;
        let timer = match &mut self.timer {
            Some(timer) => {
                if self.moved {
                    timer.as_mut().reset(deadline);
                }
                timer
            }
            none => none.insert(Box::pin(tokio::time::sleep_until(deadline))),
        };
        self.moved = false;
        timer.as_mut().poll(cx)
    }
}
