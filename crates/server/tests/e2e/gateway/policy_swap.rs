//! One policy gives way to the next as a whole, while requests are on their way.

use super::{config, event, magento_oracle};
use crate::support::{PATIENCE, Server, Site, client::Connection, eventually, upstream::Upstream};
use std::{
    fs,
    sync::{Mutex, mpsc},
};

const ACL: &str = r#"<config><acl><resources><resource id="Magento_Backend::admin" title="Admin">
<resource id="Acme_Shop::secret" title="Secret"/></resource></resources></acl></config>"#;

fn routes(routes: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (path, resource) in routes {
        text += &format!(
            "<route url=\"/V1/{path}\" method=\"GET\"><service class=\"C\" method=\"m\"/>\
             <resources><resource ref=\"{resource}\"/></resources></route>\n"
        );
    }
    format!("<routes>\n{text}</routes>\n")
}

fn status(server: &Server, path: &str) -> u16 {
    server.get(&format!("/rest/V1/{path}"), "").status
}

/// A folder of rules: one file changes, and a module comes that was not there.
#[test]
fn new_rules_come_as_one_and_leave_what_is_on_its_way_alone() {
    let (release, wait) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let ends = Mutex::new((begin, wait));
    let upstream = Upstream::answering(move |request| {
        if request.line().contains("slow") {
            let ends = ends.lock().unwrap();
            ends.0.send(()).unwrap();
            ends.1.recv_timeout(PATIENCE).unwrap();
        }
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()
    });
    let site = Site::new(&config(
        "",
        &format!(
            "[api]\nmagento_prefix = \"/rest\"\n[routes]\nfiles = [\"modules\"]\n[[upstream]]\nname = \"shop\"\nurl = \"{}\"\n",
            upstream.url()
        ),
    ));
    site.write("modules/Acme_Shop/etc/acl.xml", ACL);
    site.write("modules/Acme_Shop/etc/webapi.xml", &routes(&[("slow", "anonymous"), ("old", "anonymous")]));
    let server = site.serve();
    assert_eq!([status(&server, "old"), status(&server, "new")], [200, 404]);
    let before = event(&server, &[("route", "/V1/old")])["policy"].clone();

    let mut on_its_way = Connection::open(server.public);
    on_its_way.send("GET /rest/V1/slow HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    begun.recv_timeout(PATIENCE).unwrap();
    // Nobody sends a signal: the files rest, and that is enough.
    site.write("modules/Acme_Shop/etc/webapi.xml", &routes(&[("slow", "Acme_Shop::secret"), ("old", "Acme_Shop::secret")]));
    site.write("modules/Acme_New/etc/webapi.xml", &routes(&[("new", "anonymous")]));
    eventually("the new rules", || {
        // Whatever the first answer is, the second is of the same policy or a newer one.
        let (old, new) = (status(&server, "old"), status(&server, "new"));
        assert!(matches!((old, new), (200, 404 | 200) | (401, 200)), "half of the rules: {old} {new}");
        (old == 401).then_some(())
    });
    assert_eq!(magento_oracle::rules(&site.path().join("modules")).len(), 3);
    release.send(()).unwrap();
    assert_eq!(on_its_way.reply().status, 200, "what was permitted under the old rules finishes under them");
    assert_eq!(event(&server, &[("route", "/V1/slow")])["policy"], before);
    let after = event(&server, &[("route", "/V1/new"), ("outcome", "permit")])["policy"].clone();
    assert_ne!(before, after);
    assert_eq!(status(&server, "slow"), 401);

    // A file that cannot be read changes nothing, and it is said where and what.
    site.write("modules/Acme_New/etc/webapi.xml", "<routes>\n<route url=\"/V1/new\" method=\"GET\">\n</routes>\n");
    server.signal("HUP");
    let problem = server.logged("Acme_New/etc/webapi.xml:3:");
    assert!(problem.contains("\"event\":\"config\"") && problem.contains("\"level\":\"error\""), "{problem}");
    server.logged("\"outcome\":\"failure\"");
    assert_eq!(server.metric("doorward_last_reload_failed"), Some(1.0));
    assert_eq!([status(&server, "old"), status(&server, "new")], [401, 200]);

    // A module that goes takes its routes with it.
    fs::remove_dir_all(site.path().join("modules/Acme_New")).unwrap();
    server.signal("HUP");
    eventually("the end of the new route", || (status(&server, "new") == 404).then_some(()));
    assert_eq!(server.metric("doorward_last_reload_failed"), Some(0.0));
}
