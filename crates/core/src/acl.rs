//! The resource tree and what roles grant of it (magento-webapi 4).

use crate::{Account, Source};
use std::{
    collections::{BTreeSet, HashMap},
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

/// What every role holds, by the role's name. Roles live in the store; this is a snapshot.
#[derive(Clone, Debug, Default)]
pub struct RoleBook {
    roles: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl RoleBook {
    /// A book of these roles and their resources.
    pub fn new(roles: impl IntoIterator<Item = (Arc<str>, BTreeSet<Arc<str>>)>) -> Self {
        Self { roles: roles.into_iter().collect() }
    }

    /// The role of `account` that grants `resource`, if any (magento-webapi 4.4).
    ///
    /// A role holds exactly the resources given, plus [`ADMIN`] when it has any; a parent does not grant its children.
    /// [`ALL`] alone is everything, ids that the tree does not know included; without it an unknown id is never granted.
    pub fn granting<'a>(&self, tree: &Tree, account: &'a Account, resource: &str) -> Option<&'a str> {
        account.roles.iter().map(AsRef::as_ref).find(|role| self.role_grants(tree, role, resource))
    }

    /// Whether one role grants `resource`.
    pub fn role_grants(&self, tree: &Tree, role: &str, resource: &str) -> bool {
        self.roles.get(role).is_some_and(|held| {
            held.contains(ALL)
                || (tree.get(resource).is_some() && (held.contains(resource) || (resource == ADMIN && !held.is_empty())))
        })
    }

    /// Whether the account may do everything.
    pub fn is_full(&self, account: &Account) -> bool {
        account.roles.iter().any(|role| self.roles.get(&**role).is_some_and(|held| held.contains(ALL)))
    }
}
