//! Routes under the Magento prefix that Doorward answers itself (magento-webapi 6, 9). The route rule has judged the
//! request already; what comes here has passed.

mod accounts;
mod tokens;

use super::Call;
use crate::Body;
use doorward_core::{
    Kind, Permit, Reason,
    route::{Served, magento::variables, served::Part},
    stores::StoreScope,
};
use http::Response;

/// A permitted request for one of these routes.
pub(crate) struct RouteCall<'a> {
    /// The request, and everything that it may need.
    pub(crate) call: Call<'a>,
    /// The route.
    pub(crate) served: &'static Served,
    /// What the path is about.
    pub(crate) store: StoreScope<'a>,
    /// The variables of the path, decoded; their bytes need not be UTF-8.
    pub(crate) variables: Vec<(&'a str, Vec<u8>)>,
}

/// Answers a permitted request.
pub(crate) async fn answer(call: Call<'_>, permit: &Permit, store: Option<StoreScope<'_>>) -> Response<Body> {
    let served = permit.rule().and_then(|rule| Some((rule, rule.own?)));
    let (Some((rule, served)), Some(store)) = (served, store) else { return call.refuse(Reason::NoRoute) };
    let routes = &call.policy.routes;
    let path = routes.magento_path(call.request.path).map_or(call.request.path, |rest| routes.stores.split(rest).1);
    let variables = variables(rule, path);
    run(RouteCall { call, served, store, variables }).await
}

async fn run(route: RouteCall<'_>) -> Response<Body> {
    if route.served.part == Part::Accounts {
        return accounts::run(route).await;
    }
    match route.served.name {
        "token.customer" => tokens::issue(route, Kind::Customer).await,
        "token.admin" => tokens::issue(route, Kind::Admin).await,
        "token.revoke" => tokens::revoke(route).await,
        _ => unanswered(route),
    }
}

fn unanswered(route: RouteCall<'_>) -> Response<Body> {
    // Whatever is listed and has no answer here is refused, never sent on.
    let RouteCall { call, served, store, variables } = route;
    tracing::error!(route = served.name, ?store, variables = variables.len(), "a route of ours has no answer");
    call.refuse(Reason::Unenforceable("this route has no answer here"))
}
