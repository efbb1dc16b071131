//! What a command says, for people or as one JSON document, and the exit code that it ends with.

use doorward_config::{Diagnostics, Style};
use serde::Serialize;
use std::{
    fmt::{self, Display},
    io::{self, BufWriter, IsTerminal, Read, Write},
    process::ExitCode,
};

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done, found, sound, or a permit: exit code 0.
    Done,
    /// Refused, not found, or unsound, and said so already: exit code 1.
    No,
}

/// Why a command could not do its work: exit code 1, or 2 for wrong usage.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    usage: bool,
}

impl Failure {
    /// A failure that this message explains.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { message: message.to_string(), usage: false }
    }

    /// The command was used wrongly.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), usage: true }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::new(error)
    }
}

impl From<doorward_core::ports::StoreError> for Failure {
    fn from(error: doorward_core::ports::StoreError) -> Self {
        Failure::new(error)
    }
}

/// Standard input, output and error, so that commands can be tested without a process.
pub(crate) struct Terminal {
    json: bool,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    input: Box<dyn Read>,
    coloured: bool,
    /// Whether somebody watches.
    watched: bool,
}

impl Terminal {
    /// The process's own.
    pub(crate) fn system(json: bool) -> Self {
        // https://no-color.org: any value that is not empty.
        let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            json,
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Box::new(io::stdin()),
            coloured,
            watched: io::stderr().is_terminal(),
        }
    }

    /// Others, for tests.
    #[cfg(test)]
    pub(crate) fn new(json: bool, out: Box<dyn Write>, err: Box<dyn Write>, input: Box<dyn Read>) -> Self {
        Self { json, out, err, input, coloured: false, watched: false }
    }

    /// Whether one JSON document is wanted.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Says the command's result: `text` (lines, without the last line's end) for people, `document` with `--json`.
    pub(crate) fn say(&mut self, text: impl Display, document: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            serde_json::to_writer_pretty(&mut self.out, document).map_err(io::Error::from)?;
            writeln!(self.out)?;
        } else {
            writeln!(self.out, "{text}")?;
        }
        Ok(self.out.flush()?)
    }

    /// Begins a result of many parts, said one after the other.
    pub(crate) fn listing(&mut self) -> Listing<'_> {
        Listing { json: self.json, out: BufWriter::new(&mut self.out), begun: false }
    }

    /// Writes bytes to standard output as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes)?;
        Ok(self.out.flush()?)
    }

    /// Says something beside the result, on standard error.
    pub(crate) fn warn(&mut self, message: impl Display) -> Result<(), Failure> {
        Ok(writeln!(self.err, "{message}")?)
    }

    /// Shows how far something came, in place of what it showed before, to whoever watches.
    pub(crate) fn progress(&mut self, line: &str) -> Result<(), Failure> {
        if self.watched && !self.json {
            write!(self.err, "\r\x1b[K{line}")?;
            self.err.flush()?;
        }
        Ok(())
    }

    /// Takes that line away.
    pub(crate) fn clear_progress(&mut self) -> Result<(), Failure> {
        self.progress("")
    }

    /// Says the problems of a configuration on standard error.
    pub(crate) fn diagnose(&mut self, diagnostics: &Diagnostics) -> Result<(), Failure> {
        let style = if self.coloured { Style::Coloured } else { Style::Plain };
        Ok(write!(self.err, "{}", diagnostics.render(style))?)
    }

    /// All of standard input, at most `limit` bytes of UTF-8.
    pub(crate) fn read_input(&mut self, limit: u64) -> Result<String, Failure> {
        let mut text = String::new();
        self.input.by_ref().take(limit + 1).read_to_string(&mut text)?;
        if text.len() as u64 > limit {
            return Err(Failure::new(format_args!("standard input holds more than {limit} bytes")));
        }
        Ok(text)
    }

    /// Says a failure and turns the answer into an exit code.
    pub(crate) fn conclude(&mut self, answer: Result<Answer, Failure>) -> ExitCode {
        match answer {
            Ok(Answer::Done) => ExitCode::SUCCESS,
            Ok(Answer::No) => ExitCode::from(1),
            Err(failure) => {
                // There is nobody left to tell when even this fails; the exit code still says it.
                let _ = if self.json {
                    writeln!(self.out, "{}", serde_json::json!({ "error": failure.message }))
                } else {
                    writeln!(self.err, "error: {failure}")
                };
                ExitCode::from(if failure.usage { 2 } else { 1 })
            }
        }
    }
}

/// A result of many parts: lines for people, or the elements of one JSON array, which stands as [`Terminal::say`] would write it.
pub(crate) struct Listing<'t> {
    json: bool,
    out: BufWriter<&'t mut Box<dyn Write>>,
    begun: bool,
}

impl Listing<'_> {
    /// Whether the parts are elements of an array, and not lines.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Says lines, without the last one's end.
    pub(crate) fn lines(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Says the next element.
    pub(crate) fn element(&mut self, element: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(element)?;
        self.out.write_all(if self.begun { b",\n" } else { b"[\n" })?;
        self.begun = true;
        // A line's end inside of a JSON text is never part of a string.
        write!(self.out, "  {}", text.replace('\n', "\n  "))
    }

    /// Says the end.
    pub(crate) fn end(mut self) -> io::Result<()> {
        if self.json {
            self.out.write_all(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        }
        self.out.flush()
    }
}
