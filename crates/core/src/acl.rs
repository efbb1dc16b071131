//! The resource tree and what roles grant of it (magento-webapi 4).

use crate::{Account, Membership, Source};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// The resource that alone grants everything.
pub const ALL: &str = "Magento_Backend::all";
/// The root of all other resources; every role with any resource holds it.
pub const ADMIN: &str = "Magento_Backend::admin";

/// A node of the resource tree.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its id, such as `Magento_Customer::group`.
    pub id: Arc<str>,
    /// Its title for people.
    pub title: Arc<str>,
    /// Its parent's id; roots have none.
    pub parent: Option<Arc<str>>,
    /// Where it was (last) declared.
    pub source: Source,
}

/// All enabled resources, by id. A disabled resource and everything below it is absent, so it is an unknown id.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: HashMap<Arc<str>, Resource>,
    order: Vec<Arc<str>>,
}

impl Tree {
    /// A tree of these resources, in this order (parents before children).
    pub fn new(resources: impl IntoIterator<Item = Resource>) -> Self {
        let mut tree = Tree::default();
        for resource in resources {
            if tree.nodes.insert(resource.id.clone(), resource.clone()).is_none() {
                tree.order.push(resource.id);
            }
        }
        tree
    }

    /// The node of this id.
    pub fn get(&self, id: &str) -> Option<&Resource> {
        self.nodes.get(id)
    }

    /// A resource's id and those of all that it stands below, nearest first; nothing for an unknown id.
    pub fn lineage<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a str> {
        std::iter::successors(self.nodes.get(id), |node| self.nodes.get(node.parent.as_deref()?)).map(|node| &*node.id)
    }

    /// All nodes in tree order.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.order.iter().filter_map(|id| self.nodes.get(id))
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// What a role holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// The resources that were selected for it, as Magento's role form saves them.
    Selection(BTreeSet<Arc<str>>),
    /// Rows of `authorization_rule` as they were found; their order decides (magento-webapi 4.4).
    Rows(Vec<RoleRow>),
}

/// One row of `authorization_rule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// The resource that it is about, with all below it.
    pub resource: Arc<str>,
    /// Whether it allows or denies.
    pub allow: bool,
}

impl From<BTreeSet<Arc<str>>> for Holds {
    fn from(selection: BTreeSet<Arc<str>>) -> Self {
        Holds::Selection(selection)
    }
}

/// Websites that groups of customers are kept out of (magento-webapi 6.3, 9.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusions {
    /// By the group's number.
    pub websites: BTreeMap<u32, BTreeSet<u32>>,
    /// The group of customers of whom nothing was said.
    pub usual_group: u32,
}

impl Exclusions {
    /// Whether a customer who belongs there is kept out of a website by its group.
    pub fn exclude(&self, membership: Option<&Membership>, website: u32) -> bool {
        let group = membership.map_or(self.usual_group, |member| member.group);
        self.websites.get(&group).is_some_and(|websites| websites.contains(&website))
    }
}

/// What every role holds, by the role's name, and whom groups keep out. Both live in the store; this is a snapshot.
#[derive(Clone, Debug, Default)]
pub struct RoleBook {
    roles: HashMap<Arc<str>, Holds>,
    /// Why nobody knows what roles hold now, if so.
    unknown: Option<Arc<str>>,
    exclusions: Exclusions,
}

impl RoleBook {
    /// A book of these roles and their resources.
    pub fn new<H: Into<Holds>>(roles: impl IntoIterator<Item = (Arc<str>, H)>) -> Self {
        Self { roles: roles.into_iter().map(|(name, holds)| (name, holds.into())).collect(), ..Self::default() }
    }

    /// The book while nobody knows what roles hold, and why: it grants nothing, and what depends on it is no refusal of
    /// the caller but unavailable.
    pub fn unknown(why: &str) -> Self {
        Self { unknown: Some(why.into()), ..Self::default() }
    }

    /// The same book, which also knows from which websites groups are excluded.
    pub fn with_exclusions(self, exclusions: Exclusions) -> Self {
        Self { exclusions, ..self }
    }

    /// From which websites groups are excluded.
    pub fn exclusions(&self) -> &Exclusions {
        &self.exclusions
    }

    /// Why it cannot be said what `account` holds, if so. Who has no role holds nothing, whatever roles are.
    pub fn why_unknown(&self, account: &Account) -> Option<&Arc<str>> {
        self.unknown.as_ref().filter(|_| !account.roles.is_empty())
    }

    /// The role of `account` that grants `resource`, if any (magento-webapi 4.4).
    ///
    /// A role holds exactly the resources given, plus [`ADMIN`] when it has any; a parent does not grant its children.
    /// [`ALL`] alone is everything, ids that the tree does not know included; without it an unknown id is never granted.
    /// Beside other resources [`ALL`] is a resource like them.
    pub fn granting<'a>(&self, tree: &Tree, account: &'a Account, resource: &str) -> Option<&'a str> {
        account.roles.iter().map(AsRef::as_ref).find(|role| self.role_grants(tree, role, resource))
    }

    /// Whether one role grants `resource`.
    pub fn role_grants(&self, tree: &Tree, role: &str, resource: &str) -> bool {
        self.roles.get(role).is_some_and(|holds| match holds {
            Holds::Selection(held) => {
                is_everything(held)
                    || (tree.get(resource).is_some() && (held.contains(resource) || (resource == ADMIN && !held.is_empty())))
            }
            Holds::Rows(rows) => rows_grant(tree, rows, resource),
        })
    }

    /// Whether the account may do everything.
    pub fn is_full(&self, tree: &Tree, account: &Account) -> bool {
        account.roles.iter().filter_map(|role| self.roles.get(&**role)).any(|holds| match holds {
            Holds::Selection(held) => is_everything(held),
            Holds::Rows(rows) => allows_all(tree, rows),
        })
    }
}

/// Magento saves this selection, and no other, as the one row that allows all (magento-webapi 4.3).
fn is_everything(held: &BTreeSet<Arc<str>>) -> bool {
    held.len() == 1 && held.contains(ALL)
}

/// Magento's own algorithm (magento-webapi 4.4, newer reading: the rows of the caller's role alone). A row sets its
/// resource and all below it at that moment, so the last write that covers `resource` decides. Where some row denies,
/// each resource without a row of its own is denied after all rows, again with all below it.
fn rows_grant(tree: &Tree, rows: &[RoleRow], resource: &str) -> bool {
    if tree.get(resource).is_none() {
        return allows_all(tree, rows);
    }
    let known = || rows.iter().filter(|row| tree.get(&row.resource).is_some());
    let covering = |id: &str| tree.lineage(resource).any(|above| above == id);
    let denies = known().any(|row| !row.allow) && known().any(|row| &*row.resource != ALL);
    if denies && tree.lineage(resource).any(|above| known().all(|row| &*row.resource != above)) {
        return false;
    }
    let written = |row: &RoleRow| covering(&row.resource) || (row.allow && &*row.resource == ALL);
    let last = known().rfind(|row| written(row));
    last.map_or_else(|| allows_all(tree, rows), |row| row.allow)
}

/// Whether rows open everything: also ids that the tree does not know.
fn allows_all(tree: &Tree, rows: &[RoleRow]) -> bool {
    tree.get(ALL).is_some() && rows.iter().any(|row| row.allow && &*row.resource == ALL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn tree() -> Tree {
        let node = |id: &str, parent: Option<&str>| Resource {
            id: id.into(),
            title: "".into(),
            parent: parent.map(Into::into),
            source: Source::new("acl.xml", 1),
        };
        Tree::new([
            node(ALL, None),
            node(ADMIN, None),
            node("Magento_Sales::sales", Some(ADMIN)),
            node("Magento_Sales::create", Some("Magento_Sales::sales")),
        ])
    }

    fn account(roles: &[&str]) -> Account {
        Account {
            directory: "admins".into(),
            kind: Kind::Admin,
            id: 1,
            login: "admin".into(),
            roles: roles.iter().map(|role| Arc::from(*role)).collect(),
            membership: None,
        }
    }

    fn book(roles: &[(&str, &[&str])]) -> RoleBook {
        RoleBook::new(
            roles.iter().map(|(name, held)| (Arc::from(*name), held.iter().map(|id| Arc::from(*id)).collect::<BTreeSet<_>>())),
        )
    }

    /// Which of all ids, one of them unknown, a role with `held` grants.
    fn granted(held: &[&str]) -> Vec<&'static str> {
        let ids = [ALL, ADMIN, "Magento_Sales::sales", "Magento_Sales::create", "Magento_Gone::gone"];
        let book = book(&[("R", held)]);
        ids.into_iter().filter(|id| book.role_grants(&tree(), "R", id)).collect()
    }

    #[test]
    fn a_role_holds_what_it_was_given_and_the_root() {
        assert_eq!(granted(&[]), [""; 0]);
        assert_eq!(granted(&["Magento_Sales::create"]), [ADMIN, "Magento_Sales::create"]);
        assert_eq!(granted(&["Magento_Sales::sales"]), [ADMIN, "Magento_Sales::sales"], "a parent grants no children");
        assert_eq!(granted(&["Magento_Gone::gone"]), [ADMIN], "an id that the tree does not know is never granted");
    }

    #[test]
    fn all_is_everything_only_when_alone() {
        assert_eq!(granted(&[ALL]).len(), 5);
        assert_eq!(granted(&[ALL, "Magento_Sales::create"]), [ALL, ADMIN, "Magento_Sales::create"]);
        let book = book(&[("FULL", &[ALL]), ("ODD", &[ALL, ADMIN]), ("NONE", &[])]);
        assert!(book.is_full(&tree(), &account(&["NONE", "FULL"])));
        assert!(!book.is_full(&tree(), &account(&["ODD", "NONE", "UNKNOWN"])));
    }

    #[test]
    fn the_role_that_grants_is_named() {
        let book = book(&[("SALES", &["Magento_Sales::sales"]), ("CREATE", &["Magento_Sales::create"])]);
        let account = account(&["UNKNOWN", "SALES", "CREATE"]);
        assert_eq!(book.granting(&tree(), &account, "Magento_Sales::create"), Some("CREATE"));
        assert_eq!(book.granting(&tree(), &account, ADMIN), Some("SALES"));
        assert_eq!(book.granting(&tree(), &account, ALL), None);
    }

    #[test]
    fn the_first_of_equal_ids_keeps_its_place() {
        let tree = tree();
        assert_eq!(tree.len(), 4);
        assert!(!tree.is_empty());
        assert_eq!(tree.iter().map(|resource| &*resource.id).last(), Some("Magento_Sales::create"));
        assert!(tree.get("Magento_Gone::gone").is_none());
    }

    fn by_rows(rows: &[(&str, bool)]) -> Vec<&'static str> {
        let ids = [ALL, ADMIN, "Magento_Sales::sales", "Magento_Sales::create", "Magento_Gone::gone"];
        let rows = rows.iter().map(|(id, allow)| RoleRow { resource: (*id).into(), allow: *allow }).collect();
        let book = RoleBook::new([(Arc::from("R"), Holds::Rows(rows))]);
        ids.into_iter().filter(|id| book.role_grants(&tree(), "R", id)).collect()
    }

    /// magento-webapi 4.4: inheritance happens when a row is read, so rows decide in their order.
    #[test]
    fn rows_that_were_saved_elsewhere_decide_in_their_order() {
        let (sales, create) = ("Magento_Sales::sales", "Magento_Sales::create");
        for (rows, granted) in [
            (&[] as &[(&str, bool)], &[] as &[&str]),
            (&[(ALL, true)], &[ALL, ADMIN, sales, create, "Magento_Gone::gone"]),
            (&[(sales, true)], &[sales, create]),
            (&[(ADMIN, true)], &[ADMIN, sales, create]),
            // As Magento saves a selection of `sales`: one row for each resource, parents first.
            (&[(ALL, false), (ADMIN, true), (sales, true), (create, false)], &[ADMIN, sales]),
            // The parent is denied after its child was allowed: the child is denied with it.
            (&[(ALL, false), (ADMIN, true), (create, true), (sales, false)], &[ADMIN]),
            // `create` has no row of its own, and another row denies: it is denied, `sales` notwithstanding.
            (&[(ALL, false), (ADMIN, true), (sales, true)], &[ADMIN, sales]),
            // `admin` has no row: it is denied with all below it.
            (&[(ALL, false), (sales, true), (create, true)], &[]),
            (&[("Magento_Gone::gone", true)], &[]),
            (&[(ALL, true), (ADMIN, true), (sales, false), (create, false)], &[ALL, ADMIN, "Magento_Gone::gone"]),
        ] {
            assert_eq!(by_rows(rows), granted, "{rows:?}");
        }
    }
}
