//! Magento's roles, all at once: there are few of them, and half of one is none.

use super::{Job, Report, feed, store_patiently};
use crate::cli::{Failure, context::Context, role};
use doorward_core::{
    acl::{Holds, RoleRow},
    ports::{ImportBatch, ImportItem, Store},
};
use doorward_import::{Group, Item, Member, Place, RoleBook, Rule};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The most rows that are kept in memory: as many as thousands of roles have.
const MOST_ROWS: usize = 2_000_000;

/// All rows of a file.
#[derive(Default)]
struct Gathered {
    groups: Vec<(Place, Group)>,
    members: Vec<(Place, Member)>,
    rules: Vec<(Place, Rule)>,
}

/// Takes roles and their members, or what roles allow and deny.
pub(super) async fn run(job: Job, context: &mut Context<'_>, report: &mut Report) -> Result<(), Failure> {
    let store = Arc::clone(&job.roles);
    let mut book = job.rower.book().cloned().unwrap_or_default();
    let gathered = gather(&job, context, report).await?;
    let mut there: BTreeMap<Arc<str>, Holds> = store.roles().await?.into_iter().collect();
    for (place, group) in gathered.groups {
        book.add(&Item::Group(group.clone()));
        let empty = Holds::Selection(BTreeSet::new());
        put(&*store, context, report, &mut there, place, &group.name, empty).await?;
    }
    rules(&*store, context, report, &mut there, &book, gathered.rules).await?;
    members(&job, context, report, &book, gathered.members).await
}

async fn gather(job: &Job, context: &mut Context<'_>, report: &mut Report) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::default();
    let mut feed = feed::start(job.rower.clone(), job.data.clone())?;
    while let Some(portion) = feed.next().await {
        let mut behind = 0;
        for row in portion.rows {
            behind = row.number;
            match row.item {
                Ok(Item::Group(group)) => gathered.groups.push((row.place, group)),
                Ok(Item::Member(member)) if member.kind == job.directory.kind => gathered.members.push((row.place, member)),
                Ok(Item::Rule(rule)) => gathered.rules.push((row.place, rule)),
                Ok(_) => report.left_out += 1,
                Err(flaw) => report.bad(context, row.place, flaw)?,
            }
        }
        if gathered.rules.len() + gathered.members.len() + gathered.groups.len() > MOST_ROWS {
            return Err(Failure::new(format_args!("{} has more than {MOST_ROWS} rows of roles", job.data.display())));
        }
        report.progress(context, behind, portion.bytes)?;
    }
    feed.end().map_err(|broken| Failure::new(format_args!("{}: {broken}; nothing was changed", job.data.display())))?;
    Ok(gathered)
}

/// Makes a role. One that is there with something else to hold is somebody else's.
async fn put(
    store: &dyn Store,
    context: &mut Context<'_>,
    report: &mut Report,
    there: &mut BTreeMap<Arc<str>, Holds>,
    place: Place,
    name: &str,
    holds: Holds,
) -> Result<(), Failure> {
    if role::given(name).is_err() {
        return report.bad(context, place, format!("the role {name} is not given: it follows from the kind of directory"));
    }
    let nothing = Holds::Selection(BTreeSet::new());
    match there.get(name) {
        Some(known) if *known == holds => report.there += 1,
        // A role without rules says nothing against those that it got before.
        Some(Holds::Rows(_)) if holds == nothing => report.there += 1,
        Some(known) if *known != nothing => {
            return report.bad(context, place, format!("a role {name} that grants something else exists already"));
        }
        _ => {
            store.put_role(name, holds.clone(), context.clock.now()).await?;
            there.insert(name.into(), holds);
            report.added += 1;
        }
    }
    Ok(())
}

/// What each role allows and denies, in the order of its rows.
async fn rules(
    store: &dyn Store,
    context: &mut Context<'_>,
    report: &mut Report,
    there: &mut BTreeMap<Arc<str>, Holds>,
    book: &RoleBook,
    rows: Vec<(Place, Rule)>,
) -> Result<(), Failure> {
    let mut by_role: BTreeMap<u64, Vec<(Place, Rule)>> = BTreeMap::new();
    for (place, rule) in rows {
        by_role.entry(rule.role).or_default().push((place, rule));
    }
    for (number, mut rows) in by_role {
        rows.sort_by_key(|(_, rule)| rule.position);
        let Some((place, _)) = rows.first() else { continue };
        let place = *place;
        // The rows of an integration belong to no role of admins.
        let Some(name) = book.name(number) else {
            report.left_out += rows.len() as u64;
            continue;
        };
        let rows = rows.into_iter().map(|(_, rule)| RoleRow { resource: rule.resource.into(), allow: rule.allow });
        put(store, context, report, there, place, name, Holds::Rows(rows.collect())).await?;
    }
    Ok(())
}

async fn members(
    job: &Job,
    context: &mut Context<'_>,
    report: &mut Report,
    book: &RoleBook,
    members: Vec<(Place, Member)>,
) -> Result<(), Failure> {
    let mut items = Vec::new();
    let mut places = Vec::new();
    for (place, member) in members {
        let Some(role) = book.name(member.role) else {
            report.bad(context, place, format!("there is no row of the role {}", member.role))?;
            continue;
        };
        let directory = Arc::clone(&job.directory.name);
        items.push(ImportItem::Member { directory, kind: member.kind, account: member.account, role: role.into() });
        places.push(place);
    }
    let batch = ImportBatch { source: Arc::clone(&job.source), rows: report.rows, items };
    let answers = store_patiently(&*job.store, batch, context).await?;
    for (place, answer) in places.into_iter().zip(answers) {
        report.stored(context, place, answer)?;
    }
    Ok(())
}
