//! What was asked, read and found sound.

use doorward_config::{Config, Diagnostics, Outcome, Severity, Style};
use std::{fmt, net::SocketAddr, path::Path};

/// A sound configuration: of a file, of text, or of a [`Builder`](crate::Builder).
#[derive(Clone, Debug)]
pub struct Configuration {
    config: Config,
    bound: Option<SocketAddr>,
    warnings: Vec<String>,
}

impl Configuration {
    /// Reads `doorward.toml`, which is the one of the `doorward` command. `"${NAME}"` is read from the environment, as there.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with file, line and place.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Unsound> {
        Self::new(doorward_config::load(path.as_ref(), &environment))
    }

    /// The same of text; its relative paths are relative to the working folder.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and place.
    pub fn from_toml(text: &str) -> Result<Self, Unsound> {
        Self::new(doorward_config::from_text(text, Path::new(""), &environment))
    }

    /// Text with further files that are not on disk.
    pub(crate) fn from_texts(text: &str, others: &[(&str, &str)]) -> Result<Self, Unsound> {
        Self::new(doorward_config::from_texts(text, others, Path::new(""), &environment))
    }

    fn new(outcome: Outcome) -> Result<Self, Unsound> {
        let Outcome { config, diagnostics, .. } = outcome;
        let Some(config) = config else { return Err(Unsound(diagnostics)) };
        let warnings = diagnostics.iter().filter(|one| one.severity() == Severity::Warning);
        Ok(Self { warnings: warnings.map(ToString::to_string).collect(), bound: None, config })
    }

    /// Where the program listens: without a `public_url` it is found there, as the command is at its first listener.
    #[must_use]
    pub fn listening_at(mut self, address: SocketAddr) -> Self {
        self.config = self.config.bound_to(address);
        self.bound = Some(address);
        self
    }

    pub(crate) fn bound(&self) -> Option<SocketAddr> {
        self.bound
    }

    /// What is sound but unwise, as `doorward check` says it. That no `[[upstream]]` serves a route is as it should be where
    /// this program does.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn into_config(self) -> Config {
        self.config
    }
}

/// What is wrong with a configuration. Its text is that of `doorward check`: each problem with file, line, column and a
/// picture of the place.
pub struct Unsound(Diagnostics);

impl Unsound {
    /// The problems: file, line and column (each counted from 1, where they are known), and what is wrong.
    pub fn problems(&self) -> impl Iterator<Item = (&str, Option<(u32, u32)>, &str)> {
        let errors = self.0.iter().filter(|one| one.severity() == Severity::Error);
        errors.map(|one| (one.file(), one.position(), one.message()))
    }
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.render(Style::Plain).trim_end())
    }
}

// What `main` prints for an error.
impl fmt::Debug for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is unsound:\n{self}")
    }
}

impl std::error::Error for Unsound {}

/// What `${NAME}` means.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
