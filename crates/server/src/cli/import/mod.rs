//! `doorward import`: accounts, roles and tokens of another program.
//!
//! ```text
//! file -> rows (a thread of its own) -> many at a time -> one transaction with how far it came -> report
//! ```
//! A run that was killed goes on where its last transaction ended. A dry run does all of it in a copy of the database.

mod accounts;
mod copy;
mod feed;
mod report;
mod roles;

use crate::cli::{
    Answer, Failure,
    args::ImportArgs,
    context::Context,
    text::{harmless, suggestions},
};
use accounts::Converter;
use copy::DryCopy;
use doorward_core::{
    Kind,
    policy::Directory,
    ports::{ImportBatch, ImportItem, ImportStore, Imported, Store, StoreError},
};
use doorward_crypto::sha256_of;
use doorward_import::{Item, Mapping, RoleBook, Rower, Rows};
use report::Report;
use std::{
    fmt::Write as _,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

/// What a run works on.
struct Job {
    directory: Arc<Directory>,
    rower: Rower,
    data: PathBuf,
    /// Names data, directory and mapping.
    source: Arc<str>,
    store: Arc<dyn ImportStore>,
    /// The same store, for roles.
    roles: Arc<dyn Store>,
    missing_roles: MissingRoles,
    restart: bool,
}

/// What happens to a row whose role there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum MissingRoles {
    /// The row is bad.
    Refuse,
    /// The role is made; it grants nothing.
    Create,
    /// The account is taken in without the role.
    Drop,
}

/// Runs the command.
pub(crate) async fn run(arguments: ImportArgs, context: &mut Context<'_>) -> Result<Answer, Failure> {
    let began = Instant::now();
    let copy = if arguments.dry_run { Some(DryCopy::of(context)?) } else { None };
    let stores = match &copy {
        Some(copy) => (copy.imports(), copy.store()),
        None => (Arc::clone(&context.imports), Arc::clone(&context.store)),
    };
    let job = job(&arguments, context, stores)?;
    let mut report = Report::new(&arguments, fs::metadata(&job.data)?.len());
    match job.rower.rows() {
        Rows::Accounts | Rows::Tokens => rows(job, context, &mut report).await?,
        Rows::Roles | Rows::Rules => roles::run(job, context, &mut report).await?,
    }
    report.took = began.elapsed();
    drop(copy);
    report.end(context).await
}

fn job(
    arguments: &ImportArgs,
    context: &Context<'_>,
    (store, roles): (Arc<dyn ImportStore>, Arc<dyn Store>),
) -> Result<Job, Failure> {
    let directory = context.policy.directory(&arguments.directory).ok_or_else(|| {
        let near = suggestions(&arguments.directory, context.policy.directories.iter().map(|directory| &*directory.name));
        Failure::new(format_args!("the configuration has no directory {}{near}", harmless(&arguments.directory)))
    })?;
    let (mapping, text) = mapping(arguments.mapping.as_deref())?;
    let mapping = mapping.for_file(&arguments.data, arguments.format.map(Into::into));
    if matches!(mapping.rows(), Rows::Roles | Rows::Rules) && directory.kind != Kind::Admin {
        return Err(Failure::new(format_args!("roles are of admins, and the directory {} is not of that kind", directory.name)));
    }
    let book = if mapping.needs_roles() { Some(book(arguments)?) } else { None };
    let mut rower = Rower::new(mapping).kind(directory.kind).now(context.clock.now()).roles(book);
    for (name, value) in &arguments.set {
        rower = rower.set(name.clone(), value.clone());
    }
    let data = sha256_of(&mut open(&arguments.data)?)?;
    let mut source = format!("{}:{}:", directory.kind.as_str(), directory.name);
    for byte in sha256_of(&mut [&data[..], text.as_bytes()].concat().as_slice())? {
        let _ = write!(source, "{byte:02x}");
    }
    Ok(Job {
        directory: Arc::clone(directory),
        rower,
        data: arguments.data.clone(),
        source: source.into(),
        store,
        roles,
        missing_roles: arguments.missing_roles,
        restart: arguments.restart,
    })
}

/// The mapping that is named: a ready one, or a file; none, where the columns need none. With the text that tells it from
/// others.
fn mapping(named: Option<&str>) -> Result<(Mapping, String), Failure> {
    let Some(name) = named else { return Ok((Mapping::plain().map_err(Failure::new)?, String::new())) };
    let path = Path::new(name);
    match Mapping::ready(name) {
        Ok(mapping) => Ok((mapping, name.to_owned())),
        // Neither of these names: whoever wrote it meant one of the two.
        Err(error) if !path.exists() => Err(Failure::new(format_args!("{error}, and there is no such file"))),
        Err(_) => {
            let text = fs::read_to_string(path).map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))?;
            let mapping = Mapping::parse(&text).map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))?;
            Ok((mapping, text))
        }
    }
}

/// Magento's roles: the file that is named, or `authorization_role` beside the data.
fn book(arguments: &ImportArgs) -> Result<RoleBook, Failure> {
    let path = match &arguments.roles {
        Some(path) => path.clone(),
        None => {
            let beside = |end: &str| arguments.data.with_file_name(format!("authorization_role.{end}"));
            let found = ["csv", "tsv", "jsonl", "json"].into_iter().map(beside).find(|path| path.exists());
            found.ok_or_else(|| {
                Failure::new(
                    "this mapping needs Magento's authorization_role: put its export beside the data, or name it with --roles",
                )
            })?
        }
    };
    RoleBook::read(&path, &mut open(&path)?).map_err(|broken| Failure::new(format_args!("{}: {broken}", path.display())))
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file = File::open(path).map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))?;
    if file.metadata()?.is_dir() {
        return Err(Failure::new(format_args!("{} is a folder", path.display())));
    }
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// Accounts or tokens, many in each transaction.
async fn rows(mut job: Job, context: &mut Context<'_>, report: &mut Report) -> Result<(), Failure> {
    job.store.expect_many().await?;
    if !job.restart {
        report.resumed = job.store.imported_rows(&job.source).await?;
    }
    job.rower = job.rower.skip(report.resumed);
    let mut converter = Converter::new(&job, context).await?;
    let mut feed = feed::start(job.rower, job.data.clone())?;
    while let Some(portion) = feed.next().await {
        let mut items = Vec::new();
        let mut places = Vec::new();
        let mut behind = 0;
        for row in portion.rows {
            behind = row.number;
            match row.item.map(|item| converter.convert(item, report)) {
                Ok(Ok(Some(item))) => {
                    items.push(item);
                    places.push(row.place);
                }
                Ok(Ok(None)) => report.left_out += 1,
                Ok(Err(flaw)) | Err(flaw) => report.bad(context, row.place, flaw)?,
            }
        }
        converter.make_roles(context, report).await?;
        let batch = ImportBatch { source: Arc::clone(&job.source), rows: behind, items };
        let answers = store_patiently(&*job.store, batch, context).await?;
        for (place, answer) in places.into_iter().zip(answers) {
            report.stored(context, place, answer)?;
        }
        report.progress(context, behind, portion.bytes)?;
    }
    feed.end().map_err(|broken| Failure::new(format_args!("{}: {broken}{}", job.data.display(), report.so_far())))
}

/// Takes a portion in. A server that writes at the same time is waited for.
async fn store_patiently(
    store: &dyn ImportStore,
    batch: ImportBatch,
    context: &Context<'_>,
) -> Result<Vec<Result<Imported, StoreError>>, Failure> {
    let patience = 3;
    for _ in 0..patience {
        match store.import(batch.clone(), context.clock.now()).await {
            // The whole portion failed, and nothing of it is there.
            Err(StoreError::Unavailable(why)) if why.contains("locked") => {}
            outcome => return Ok(outcome?),
        }
    }
    Ok(store.import(batch, context.clock.now()).await?)
}

/// An item that is for the store.
type Converted = Result<Option<ImportItem>, doorward_import::Flaw>;

/// What is neither an account nor a token has no place among them.
fn unexpected(item: &Item) -> Converted {
    match item {
        Item::LeftOut(_) => Ok(None),
        _ => Err("the mapping makes something else of it than of other rows".into()),
    }
}
