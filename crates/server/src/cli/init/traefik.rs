//! Traefik: ForwardAuth, in a file of the file provider.

use super::plan::{CLEARED, CREDENTIALS, Plan, below, title_case};
use std::fmt::Write;

/// The file.
pub(super) fn render(plan: &Plan) -> String {
    let (entry, tls) = if plan.secure { ("websecure", "\n      tls: {}") } else { ("web", "") };
    let mut text = String::new();
    let _ = write!(
        text,
        r#"# {title}. Print it anew when doorward.toml changes.
# For the file provider of Traefik 3.1.3 or newer: `--providers.file.filename=doorward.yml` and an entry point `{entry}` at port {port}.
# Give that entry point no `forwardedHeaders`: then Traefik drops X-Forwarded-* of clients and sets its own.

http:
  routers:
    # What Doorward answers itself, and judges as everything else.
    doorward:
      entryPoints: [{entry}]
      rule: "({hosts}) && PathRegexp(`{own}`)"
      priority: 1000
      middlewares: [doorward-clear]
      service: doorward{tls}
    # What is nobody's, Doorward refuses; where proxies ask it is not for clients.
    doorward-rest:
      entryPoints: [{entry}]
      rule: "({hosts}) && !PathRegexp(`{questions}`)"
      priority: 1
      middlewares: [doorward-clear]
      service: doorward{tls}
"#,
        title = plan.title,
        port = plan.port,
        hosts = hosts(plan),
        own = plan.own_pattern(),
        questions = plan.question_pattern(),
    );
    if plan.cors {
        let _ = write!(
            text,
            r#"    # Doorward answers preflights. What services' answers say to pages of other origins, Traefik's `headers` would have to
    # say: it copies nothing of a permit but cookies.
    doorward-preflight:
      entryPoints: [{entry}]
      rule: "({hosts}) && Method(`OPTIONS`) && HeaderRegexp(`Origin`, `.`) && HeaderRegexp(`Access-Control-Request-Method`, `.`) && !PathRegexp(`{questions}`)"
      priority: 900
      middlewares: [doorward-clear]
      service: doorward{tls}
"#,
            hosts = hosts(plan),
            questions = plan.question_pattern(),
        );
    }
    let count = plan.services.len();
    for (place, service) in plan.services.iter().enumerate() {
        let _ = write!(
            text,
            r#"    {name}:
      entryPoints: [{entry}]
      rule: "({hosts}) && PathRegexp(`{path}`)"
      priority: {priority}
      middlewares: [doorward-clear, doorward-method, doorward-judge]
      service: {name}{tls}
"#,
            name = service.name,
            hosts = hosts(plan),
            path = below(&service.path),
            // The longest path counts.
            priority = 10 + count - place,
        );
    }
    let _ = write!(
        text,
        "  middlewares:\n    # What only Doorward and this proxy may say, in every spelling that a service may read as the same name.\n    doorward-clear:\n      headers:\n        customRequestHeaders:\n"
    );
    for name in CLEARED.iter().filter(|name| !SET.contains(name)) {
        let _ = writeln!(text, "          {}: \"\"", title_case(name));
    }
    for name in CLEARED.iter().filter(|name| name.contains('-')) {
        for other in ['_', '.'] {
            let _ = writeln!(text, "          {}: \"\"", title_case(&name.replace('-', &other.to_string())));
        }
    }
    judge(plan, &mut text);
    let _ = write!(
        text,
        "  services:\n    doorward:\n      loadBalancer:\n        servers:\n          - url: \"http://{}\"\n",
        plan.doorward
    );
    for service in &plan.services {
        let _ = write!(
            text,
            "    {}:\n      loadBalancer:\n        servers:\n          - url: \"http://{}\"\n",
            service.name, service.address
        );
    }
    text
}

/// Traefik sets these itself.
const SET: [&str; 6] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-forwarded-server", "x-real-ip"];

fn hosts(plan: &Plan) -> String {
    plan.hosts.iter().map(|host| format!("Host(`{host}`)")).collect::<Vec<_>>().join(" || ")
}

fn judge(plan: &Plan, text: &mut String) {
    let copied: Vec<String> = CREDENTIALS.iter().map(|name| title_case(name)).collect();
    let _ = write!(
        text,
        r#"    # It would change the method behind the back of whoever judges it.
    doorward-method:
      headers:
        customRequestHeaders:
          X-Http-Method-Override: ""
    # Who it is, and what `credentials` of [[upstream]] leaves of them. What Doorward refuses is its answer.
    doorward-judge:
      forwardAuth:
        address: "http://{doorward}{judge}"
        trustForwardHeader: false
        # Of the client's, none stays that this matches.
        authResponseHeadersRegex: "(?i)^doorward[^a-z0-9]"
        authResponseHeaders: [{copied}]
        # A session's cookie is sent again now and then.
        addAuthCookiesToResponse: [{cookies}]
"#,
        doorward = plan.doorward,
        judge = plan.judge,
        copied = copied.join(", "),
        cookies = plan.cookies.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "),
    );
}
