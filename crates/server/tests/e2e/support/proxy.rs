//! The proxies that people have, in front of Doorward.

use super::{Site, eventually};
use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

/// A proxy that somebody else wrote, on a free port.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) port: u16,
}

impl Proxy {
    /// Starts `command` in the site's folder once `config` (with `{port}`) is written there. Somebody else may take the port
    /// first; then there is another one.
    pub(crate) fn start(site: &Site, file: &str, config: &str, command: &[&str]) -> Self {
        let config = config.replace("{folder}", &site.path().to_string_lossy());
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            site.write(file, &config.replace("{port}", &port.to_string()));
            let mut proxy = Self { child: Self::spawn(site, command), port };
            let up = eventually("a proxy, or its end", || match proxy.child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true),
            });
            if up && proxy.child.try_wait().unwrap().is_none() {
                return proxy;
            }
        }
        panic!("it does not start: {}", std::fs::read_to_string(site.path().join("proxy.log")).unwrap_or_default());
    }

    fn spawn(site: &Site, command: &[&str]) -> Child {
        let folder = site.path().to_string_lossy().into_owned();
        let arguments = command[1..].iter().map(|argument| argument.replace("{folder}", &folder));
        let log = std::fs::File::create(site.path().join("proxy.log")).unwrap();
        let spawned = Command::new(command[0])
            .args(arguments)
            .env("PATH", "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin")
            .current_dir(site.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn();
        spawned.unwrap_or_else(|error| panic!("{} is needed, which scripts/test installs: {error}", command[0]))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
