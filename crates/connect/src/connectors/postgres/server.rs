//! Where a database is, and what its URL asks for. Holds the password, so nothing here implements `Debug`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hw_base::{Error, Result, unknown};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::tls;

/// How long to wait for a connection where the URL does not say it.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What a URL can set behind its question mark, besides what is handled here.
const OPTIONS: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// What `sslmode` asks for, with the meaning it has for `psql`.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Encryption {
    /// `disable`.
    Never,
    /// `allow`, `prefer` and where nothing is said: encrypted if the server can, without looking at its certificate.
    Preferred,
    /// `require`: encrypted, without looking at the certificate.
    Required,
    /// `verify-ca`, `verify-full`, and `require` with `sslrootcert`: the certificate must be valid for the host.
    Verified(tls::Roots),
}

/// A database.
#[derive(Clone)]
pub(super) struct Server {
    /// What the driver makes of the URL.
    pub(super) config: Config,
    /// Whether connections are encrypted.
    pub(super) encryption: Encryption,
}

impl Server {
    /// Reads a URL.
    ///
    /// # Errors
    /// HW206 where it is none. No part of the URL is repeated but names of options, because a password with an
    /// unescaped `@`, `:` or `?` can end up anywhere.
    pub(super) fn at(url: &str) -> Result<Self> {
        let (rest, options) = split_options(url)?;
        let encryption = encryption(&options)?;
        let mut config = Config::from_str(&rest).map_err(|_| unreadable())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if config.get_application_name().is_none() {
            config.application_name("headworks");
        }
        if config.get_connect_timeout().is_none_or(Duration::is_zero) {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        Ok(Self { config, encryption })
    }

    /// Whether every connection reaches the same server, so that they can share a snapshot.
    pub(super) fn is_single(&self) -> bool {
        self.config.get_hosts().len().max(self.config.get_hostaddrs().len()) == 1
    }

    /// `host:port`, or several of them.
    pub(super) fn place(&self) -> String {
        let ports = self.config.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let host = |(at, host): (usize, &Host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            Host::Unix(path) => format!("{}:{}", path.display(), port(at)),
        };
        let hosts: Vec<String> = self.config.get_hosts().iter().enumerate().map(host).collect();
        let addresses = self.config.get_hostaddrs().iter().enumerate().map(|(at, address)| format!("{address}:{}", port(at)));
        if hosts.is_empty() { addresses.collect::<Vec<_>>().join(", ") } else { hosts.join(", ") }
    }

    /// The user's name; the operating system's where the URL names none.
    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("(the name of the system's user)")
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    /// Whether two URLs lead to the same database, whoever goes there.
    pub(super) fn is_same_database(&self, other: &Self) -> bool {
        (self.place(), self.database()) == (other.place(), other.database())
    }

    /// Whether two URLs lead the same user to the same database.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.place(), self.database(), self.user()) == (other.place(), other.database(), other.user())
    }

    /// `text` without the password.
    pub(super) fn redacted(&self, text: &str) -> String {
        match self.config.get_password().map(String::from_utf8_lossy) {
            Some(password) if !password.is_empty() => text.replace(password.as_ref(), "***"),
            _ => text.into(),
        }
    }
}

/// The options of a URL that are handled here, and the URL without them.
fn split_options(url: &str) -> Result<(String, Vec<(String, String)>)> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(unreadable());
    }
    // Of two `@` one belongs to the password, and what stands behind it would be taken for the host and shown.
    if url.matches('@').count() > 1 {
        return Err(unreadable());
    }
    let after_credentials = url.find('@').map_or(0, |at| at + 1);
    let Some(question) = url[after_credentials..].find('?').map(|at| at + after_credentials) else {
        return Ok((url.into(), Vec::new()));
    };
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    let mut ours = Vec::new();
    for (name, value) in url::form_urlencoded::parse(&url.as_bytes()[question + 1..]) {
        match name.as_ref() {
            "sslmode" | "sslrootcert" => ours.push((name.into_owned(), value.into_owned())),
            name if OPTIONS.contains(&name) => drop(kept.append_pair(name, &value)),
            name => return Err(unknown("option of the database URL", name, OPTIONS.iter().copied()).code("HW206")),
        }
    }
    // The driver knows `%20` and takes `+` for itself.
    let kept = kept.finish().replace('+', "%20");
    Ok((format!("{}?{kept}", &url[..question]), ours))
}

fn encryption(options: &[(String, String)]) -> Result<Encryption> {
    let option = |name: &str| options.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let roots = match option("sslrootcert") {
        None | Some("system") => tls::Roots::Public,
        Some(file) => tls::Roots::File(PathBuf::from(file)),
    };
    Ok(match option("sslmode") {
        Some("disable") => Encryption::Never,
        None | Some("allow" | "prefer") => Encryption::Preferred,
        Some("require") if option("sslrootcert").is_none() => Encryption::Required,
        Some("require" | "verify-ca" | "verify-full") => Encryption::Verified(roots),
        Some(other) => {
            let known = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
            return Err(unknown("`sslmode`", other, known).code("HW206"));
        }
    })
}

fn unreadable() -> Error {
    Error::user("the URL of the database cannot be read")
        .code("HW206")
        .because("expected `postgres://user:password@host:5432/database`")
        .help("write special characters of the password in percent form: `@` as `%40`, `:` as `%3A`, `/` as `%2F`, `?` as `%3F`, `%` as `%25`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> String {
        Server::at(url).map(|server| server.place()).unwrap_or_default()
    }

    #[test]
    fn a_url_names_place_user_and_database() {
        let server = Server::at("postgres://me:p%40ss@db.example:6432/shop?sslmode=disable&connect_timeout=3").unwrap();
        assert_eq!((server.place().as_str(), server.user(), server.database()), ("db.example:6432", "me", "shop"));
        assert_eq!(server.redacted("the word p@ss is out"), "the word *** is out");
        assert_eq!(server.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(place("postgresql:///shop?host=/run/postgresql"), "/run/postgresql:5432");
        assert_eq!(place("postgres://a,b:6000/shop"), "a:5432, b:6000");
    }

    #[test]
    fn a_wrong_url_is_refused_without_repeating_it() {
        let urls = [
            "mysql://me:secret@h/d",
            "postgres://me:sec@ret@h:port/d",
            "postgres://me:Top@Secret@127.0.0.1:1/d",
            "postgres://me:sec/ret@h:x/d",
            "secret",
            "postgres://h:secret/d",
        ];
        for url in urls {
            let error = Server::at(url).err().unwrap().to_string();
            assert!(!error.to_lowercase().contains("sec") && error.contains("HW206"), "{error}");
        }
        let error = Server::at("postgres://me:secret@h/d?sslmod=require").err().unwrap().to_string();
        assert!(error.contains("did you mean `sslmode`?") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn sslmode_means_what_it_means_to_psql() {
        let asked = |options: &str| Server::at(&format!("postgres://h/d{options}")).map(|server| server.encryption);
        assert!(matches!(asked(""), Ok(Encryption::Preferred)));
        assert!(matches!(asked("?sslmode=disable"), Ok(Encryption::Never)));
        assert!(matches!(asked("?sslmode=require"), Ok(Encryption::Required)));
        assert!(matches!(asked("?sslmode=verify-full"), Ok(Encryption::Verified(tls::Roots::Public))));
        assert!(matches!(asked("?sslmode=require&sslrootcert=ca.pem"), Ok(Encryption::Verified(tls::Roots::File(_)))));
        assert!(asked("?sslmode=verify-fool").err().unwrap().to_string().contains("did you mean `verify-full`?"));
    }
}
